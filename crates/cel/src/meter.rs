//! What an evaluation may cost.

use std::fmt;

/// The memory that one evaluation may ask for, in bytes; what it gives back isn't counted.
const MEMORY: usize = 64 << 20;

/// How many steps an evaluation may take that cost doesn't count, as in comparing what is nested.
const WORK: u64 = 50_000_000;

/// How deep values may be nested that are compared.
const LEVELS: usize = 1_000;

/// Why an evaluation has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvaluationError {
    /// The expression ends in an error, of which this is cel-go's text: `no such key: x`, `division by zero`, ….
    Failed(String),
    /// It cost more than it may.
    CostExceeded,
    /// It needs more memory or work than any expression may, whatever its cost.
    TooLarge,
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EvaluationError::Failed(message) => message,
            EvaluationError::CostExceeded => "operation cancelled: actual cost limit exceeded",
            EvaluationError::TooLarge => "operation cancelled: the evaluation needs too much memory or work",
        })
    }
}

impl std::error::Error for EvaluationError {}

/// Why a part of an expression has no value.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// An error, which `&&`, `||` and macros may absorb.
    Error(Box<str>),
    /// The end of the whole evaluation.
    Cancelled(EvaluationError),
}

impl From<Failure> for EvaluationError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Error(message) => EvaluationError::Failed(message.into()),
            Failure::Cancelled(error) => error,
        }
    }
}

pub(crate) type Outcome<T> = Result<T, Failure>;

/// Counts what an evaluation costs, and ends it where that is too much.
#[derive(Debug)]
pub(crate) struct Meter {
    cost: u64,
    budget: u64,
    memory: usize,
    work: u64,
    /// How many levels of a value may still be gone down.
    levels: usize,
}

impl Meter {
    pub(crate) fn new(budget: u64) -> Self {
        Meter { cost: 0, budget, memory: MEMORY, work: WORK, levels: LEVELS }
    }

    /// What was charged so far.
    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }

    /// Charges cost, in Kubernetes' units.
    pub(crate) fn charge(&mut self, cost: u64) -> Outcome<()> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > self.budget { Err(Failure::Cancelled(EvaluationError::CostExceeded)) } else { Ok(()) }
    }

    /// Asks for memory, in bytes.
    pub(crate) fn allocate(&mut self, bytes: usize) -> Outcome<()> {
        self.memory = self.memory.checked_sub(bytes).ok_or(Failure::Cancelled(EvaluationError::TooLarge))?;
        Ok(())
    }

    /// Goes down a level of a value, to run something there.
    pub(crate) fn below<T>(&mut self, run: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.levels = self.levels.checked_sub(1).ok_or(Failure::Cancelled(EvaluationError::TooLarge))?;
        let result = run(self);
        self.levels += 1;
        result
    }

    /// Takes steps.
    pub(crate) fn work(&mut self, steps: u64) -> Outcome<()> {
        self.work = self.work.checked_sub(steps).ok_or(Failure::Cancelled(EvaluationError::TooLarge))?;
        Ok(())
    }
}
