//! Cases, and the one place that tries them.

use serde_json::Value;

use crate::request::Try;
use crate::wire::Answer;
use crate::world::{PLANTED, World};

/// A name, what is tried, and what has to come of it.
pub(crate) type Case = (&'static str, Try, Expected);

/// What has to come of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// 0 where the connection has to end without an answer.
    status: u16,
    reason: Option<&'static str>,
    says: Vec<String>,
    holds: Vec<(&'static str, Value)>,
}

/// This status.
pub(crate) fn status(status: u16) -> Expected {
    Expected { status, ..Expected::default() }
}

/// 200.
pub(crate) fn ok() -> Expected {
    status(200)
}

/// 201.
pub(crate) fn created() -> Expected {
    status(201)
}

/// The credentials are refused, and the client is told nothing but that.
pub(crate) fn unauthorized() -> Expected {
    status(401).reason("Unauthorized").holding("/message", "Unauthorized")
}

/// Authorization or admission refuses, saying this.
pub(crate) fn forbidden(says: impl Into<String>) -> Expected {
    status(403).reason("Forbidden").saying(says)
}

/// The request counts as anonymous, and is refused for that.
pub(crate) fn anonymous() -> Expected {
    forbidden("User \"system:anonymous\" cannot ")
}

/// The object is refused, saying this.
pub(crate) fn invalid(says: impl Into<String>) -> Expected {
    status(422).reason("Invalid").saying(says)
}

/// The request makes no sense, says this.
pub(crate) fn bad_request(says: impl Into<String>) -> Expected {
    status(400).reason("BadRequest").saying(says)
}

/// It isn't there, says this.
pub(crate) fn not_found(says: impl Into<String>) -> Expected {
    status(404).reason("NotFound").saying(says)
}

/// The server ends the connection and doesn't answer.
pub(crate) fn no_answer() -> Expected {
    status(0)
}

/// The answer to [`crate::request::who_am_i`].
pub(crate) fn is_user(name: &str) -> Expected {
    created().holding("/status/userInfo/username", name)
}

impl Expected {
    /// The `reason` of the Status.
    pub(crate) fn reason(mut self, reason: &'static str) -> Expected {
        self.reason = Some(reason);
        self
    }

    /// The body holds this text.
    pub(crate) fn saying(mut self, text: impl Into<String>) -> Expected {
        self.says.push(text.into());
        self
    }

    /// The body holds this value at this JSON pointer.
    pub(crate) fn holding(mut self, pointer: &'static str, value: impl Into<Value>) -> Expected {
        self.holds.push((pointer, value.into()));
        self
    }

    fn is_open(&self) -> bool {
        (101..400).contains(&self.status)
    }

    /// What is wrong with the answer.
    fn differs(&self, answer: Option<&Answer>) -> Option<String> {
        let Some(answer) = answer else {
            return (self.status != 0).then(|| "the connection ended without an answer".to_owned());
        };
        if answer.status != self.status {
            return Some(format!("status {}, and not {}", answer.status, self.status));
        }
        let (text, json) = (answer.text(), answer.json());
        // Texts of a Status are compared as its readers see them.
        let message = json["message"].as_str().unwrap_or(&text);
        if let Some(missing) = self.says.iter().find(|says| !message.contains(says.as_str())) {
            return Some(format!("it doesn't say {missing:?}"));
        }
        if self.reason.is_some_and(|reason| json["reason"] != reason) {
            return Some(format!("reason {}, and not {:?}", json["reason"], self.reason));
        }
        if json["kind"] == "Status" && json["status"] == "Failure" && json["code"] != answer.status {
            return Some(format!("code {} in a Status of {}", json["code"], answer.status));
        }
        if !self.is_open() && text.contains(PLANTED) {
            return Some("it tells a secret".to_owned());
        }
        let differs =
            |(pointer, value): &&(&str, Value)| json.pointer(pointer).unwrap_or(&Value::Null) != value;
        self.holds.iter().find(differs).map(|(pointer, value)| {
            format!("{} at {pointer}, and not {value}", json.pointer(pointer).unwrap_or(&Value::Null))
        })
    }
}

/// Tries each case in turn.
///
/// # Panics
/// Names all that got another answer. Also where nothing is refused or nothing gets through: then the table shows
/// nothing.
pub(crate) fn check(world: &World, cases: impl IntoIterator<Item = Case>) {
    let (mut open, mut shut, mut wrong) = (0, 0, Vec::new());
    for (name, tried, expected) in cases {
        *(if expected.is_open() { &mut open } else { &mut shut }) += 1;
        let answer = match world.send(&tried) {
            Ok(answer) => answer,
            Err(error) if expected.status == 0 => {
                println!("{name}: {error}");
                None
            }
            Err(error) => {
                wrong.push(format!("{name}: {} {}: {error}", tried.method, tried.path));
                continue;
            }
        };
        if let Some(what) = expected.differs(answer.as_ref()) {
            let text = answer.map(|answer| answer.text()).unwrap_or_default();
            let text: String = text.chars().take(600).collect();
            wrong.push(format!("{name}: {} {}: {what}: {text}", tried.method, tried.path));
        }
    }
    println!("{shut} ways are shut, {open} open");
    assert!(wrong.is_empty(), "{} of {} got another answer:\n{}", wrong.len(), open + shut, wrong.join("\n"));
    assert!(open > 0 && shut > 0, "both what is shut and what is open have to be tried");
}
