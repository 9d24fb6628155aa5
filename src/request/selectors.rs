//! What the selectors of a request demand, as authorizers see it.

use std::fmt::Display;

use keelson_apimachinery::selector::{fields, labels};

/// The demands of a request for a collection, or of one that a review asks about: who decides may allow a part
/// of a collection where it would not allow all.
///
/// Source: "Field and label selectors in authorization" in the Kubernetes documentation (KEP-4601).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selectors {
    /// Of the objects' fields.
    pub fields: Demands<fields::Requirement>,
    /// Of the objects' labels.
    pub labels: Demands<labels::Requirement>,
}

/// What one selector demands; all of it is demanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demands<R> {
    /// The demands that could be read. To leave out one that could not asks for more, never for less.
    pub requirements: Vec<R>,
    /// Why some could not be read.
    pub error: Option<String>,
}

impl<R> Default for Demands<R> {
    fn default() -> Self {
        Demands { requirements: Vec::new(), error: None }
    }
}

impl<R> Demands<R> {
    /// Those that were read, with what was wrong about the others.
    pub fn gather(read: impl Iterator<Item = Result<R, String>>) -> Self {
        let (mut requirements, mut errors) = (Vec::new(), Vec::new());
        for requirement in read {
            match requirement {
                Ok(requirement) => requirements.push(requirement),
                Err(error) if errors.contains(&error) => {}
                Err(error) => errors.push(error),
            }
        }
        let error = match errors.len() {
            0 | 1 => errors.pop(),
            _ => Some(format!("[{}]", errors.join(", "))),
        };
        Demands { requirements, error }
    }

    fn unreadable(error: impl Display) -> Self {
        Demands { requirements: Vec::new(), error: Some(error.to_string()) }
    }
}

impl Demands<fields::Requirement> {
    /// Those of a field selector as clients write it; none where it is empty.
    pub fn of_fields(text: &str) -> Self {
        match fields::parse(text) {
            Ok(selector) => Demands { requirements: selector.requirements().to_vec(), error: None },
            Err(error) => Self::unreadable(error),
        }
    }
}

impl Demands<labels::Requirement> {
    /// Those of a label selector as clients write it; none where it is empty.
    pub fn of_labels(text: &str) -> Self {
        match labels::parse(text) {
            Ok(selector) => Demands { requirements: selector.requirements().to_vec(), error: None },
            Err(error) => Self::unreadable(error),
        }
    }
}

impl Selectors {
    /// No demands.
    pub const NONE: &'static Selectors = &Selectors {
        fields: Demands { requirements: Vec::new(), error: None },
        labels: Demands { requirements: Vec::new(), error: None },
    };

    /// Those of a field and a label selector as clients write them; either may be empty.
    pub fn parse(fields: &str, labels: &str) -> Self {
        Selectors { fields: Demands::of_fields(fields), labels: Demands::of_labels(labels) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_demands_or_errors() {
        let read = Selectors::parse("spec.nodeName=a,metadata.name!=b", "tier in (x,y),!old");
        assert_eq!((read.fields.requirements.len(), read.labels.requirements.len()), (2, 2));
        assert_eq!((read.fields.error, read.labels.error), (None, None));
        let wrong = Selectors::parse("x", "a in");
        assert!(wrong.fields.requirements.is_empty() && wrong.fields.error.is_some());
        assert!(wrong.labels.requirements.is_empty() && wrong.labels.error.is_some());
        assert_eq!(&Selectors::parse("", ""), Selectors::NONE);
    }

    #[test]
    fn what_can_be_read_counts() {
        let all = ["a", "", "b", ""].into_iter().map(|t| match t {
            "" => Err("empty".to_owned()),
            text => Ok(text),
        });
        let demands = Demands::gather(all);
        assert_eq!((demands.requirements, demands.error.as_deref()), (vec!["a", "b"], Some("empty")));
        let two: Demands<()> = Demands::gather(["x", "y"].into_iter().map(|t| Err(t.to_owned())));
        assert_eq!(two.error.as_deref(), Some("[x, y]"));
    }
}
