//! The Common Expression Language, as Kubernetes v1.36 speaks it: parser, type checker and evaluation whose cost
//! is bounded.
//!
//! An [`Environment`] declares variables; it compiles expressions to [`Program`]s, which evaluate on values.
//! Texts of errors, and the cost of what an expression does, are what clients of kube-apiserver see: they are
//! cel-go's (v0.26) and those of Kubernetes' function libraries.
//!
//! # Why not the crates `cel` and `kube-cel`
//! They have no type checker and no notion of cost (`cel` 0.15, `kube-cel` 0.8): expressions that
//! kube-apiserver refuses when they are written would fail when they are used, and nothing would bound them.
//! Their values are their own, so that an object would be copied for each evaluation, and the parser hands over
//! no line to show with an error. What is left of them is the grammar, which is small.
//!
//! # Bounds
//! Expressions come from clients. The length of an expression, the depth and size of its tree, the size of types,
//! the cost of an evaluation, and the memory and the work that cost doesn't account for are all bounded; nothing
//! panics, whatever the expression and the values are.

mod ast;
mod check;
mod environment;
mod eval;
mod library;
mod meter;
mod parse;
mod plan;
mod source;
#[cfg(test)]
mod tests;
mod types;
mod value;

pub use environment::{Environment, Input, Program};
pub use library::authorizer::{Authorizer, Check, Decision, Resource, Target};
pub use meter::EvaluationError;
pub use source::{CompileError, Issue};
pub use types::{ObjectType, Type, is_identifier};
