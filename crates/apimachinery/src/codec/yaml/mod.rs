//! YAML as Kubernetes has it: a way to write JSON.
//!
//! Reading follows `sigs.k8s.io/yaml` over Go's YAML library: YAML 1.1's rules for what a plain word means
//! (`yes`, `on`, `0777`), every key becomes a string, and only the first document counts. Writing follows
//! the same library: keys in its order, lists at the indentation of their key, text folded at 80 columns.

mod decode;
mod emit;
mod resolve;
#[cfg(test)]
mod tests;

pub use decode::decode_untyped;
pub use emit::encode;
