//! A set of texts that were met before.

use std::collections::BTreeSet;

const FEW: usize = 16;

/// A set of borrowed texts that allocates nothing while they are few.
#[derive(Debug, Default)]
pub(in crate::validation) struct Seen<'a> {
    few: [&'a str; FEW],
    len: usize,
    many: BTreeSet<&'a str>,
}

impl<'a> Seen<'a> {
    /// Adds a text; says whether it is new.
    pub(in crate::validation) fn insert(&mut self, text: &'a str) -> bool {
        if self.contains(text) {
            return false;
        }
        if self.len < FEW {
            self.few[self.len] = text;
            self.len += 1;
            return true;
        }
        self.many.insert(text)
    }

    /// Whether the text was added.
    pub(in crate::validation) fn contains(&self, text: &str) -> bool {
        self.few[..self.len].contains(&text) || self.many.contains(text)
    }

    /// The texts in order.
    pub(in crate::validation) fn sorted(&self) -> Vec<&'a str> {
        let mut all: Vec<&str> = self.few[..self.len].iter().chain(&self.many).copied().collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_texts_are_told_apart() {
        let texts: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        let mut seen = Seen::default();
        for text in &texts {
            assert!(!seen.contains(text) && seen.insert(text) && !seen.insert(text), "{text}");
        }
        assert!(texts.iter().all(|text| seen.contains(text)));
    }
}
