//! What a token says.
//!
//! Claims are read from the token once; whoever asks for one gets it from the same tree, so that no two
//! readers can understand a token in two ways. Of a claim that is there twice the last counts, as upstream.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::{Map, Value};

/// The issuer that is called so in Google's older tokens.
const GOOGLE: (&str, &str) = ("accounts.google.com", "https://accounts.google.com");

/// The claims of a token.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Claims(Map);

/// The claims that every token has or may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standard {
    /// `iss`.
    pub(super) issuer: String,
    /// `aud`.
    pub(super) audiences: Vec<String>,
    /// `exp`, in seconds since 1970.
    pub(super) expires: Option<i64>,
    /// `nbf`.
    pub(super) not_before: Option<i64>,
}

impl Claims {
    /// The claims of a payload.
    ///
    /// # Errors
    /// Where it is no JSON object.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, String> {
        let decoded = json::decode_untyped(payload).map_err(|e| e.to_string())?;
        match decoded.value {
            Value::Object(members) => Ok(Claims(members)),
            other => Err(mismatch(&other, "map[string]json.RawMessage")),
        }
    }

    pub(super) fn members(&self) -> &Map {
        &self.0
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name, value);
    }

    /// A claim that is a string; `null` is an empty one.
    ///
    /// # Errors
    /// Where it is absent or something else.
    pub(super) fn string(&self, name: &str) -> Result<&str, String> {
        match self.get(name) {
            None => Err("claim not present".to_owned()),
            Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(mismatch(other, "string")),
        }
    }

    /// A claim that is a string or a list of strings.
    ///
    /// # Errors
    /// Where it is something else.
    pub(super) fn strings(&self, name: &str) -> Result<Vec<String>, String> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.to_string()]),
            Some(Value::Array(values)) => {
                let text = |value: &Value| match value {
                    Value::String(text) => Ok(text.to_string()),
                    Value::Null => Ok(String::new()),
                    // What upstream tries last is a string, and says so.
                    _ => Err("json: cannot unmarshal array into Go value of type string".to_owned()),
                };
                values.iter().map(text).collect()
            }
            Some(other) => Err(mismatch(other, "string")),
        }
    }

    /// A claim that is true or false; `null` is false.
    ///
    /// # Errors
    /// Where it is something else.
    pub(super) fn boolean(&self, name: &str) -> Result<bool, String> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(mismatch(other, "bool")),
        }
    }

    /// The claims that decide whether a token is looked at any further.
    ///
    /// # Errors
    /// Where one of them has a wrong type.
    pub(super) fn standard(&self) -> Result<Standard, String> {
        let text = |name| match self.get(name) {
            None => Ok(""),
            Some(_) => self.string(name),
        };
        for name in ["sub", "nonce", "at_hash"] {
            text(name)?;
        }
        self.seconds("iat")?;
        Ok(Standard {
            issuer: text("iss")?.to_owned(),
            audiences: self.strings("aud")?,
            expires: self.seconds("exp")?,
            not_before: self.seconds("nbf")?,
        })
    }

    /// A number of seconds, of which parts of one are cut off. A string that is a number is one, too.
    fn seconds(&self, name: &str) -> Result<Option<i64>, String> {
        /// Beyond it no time is meant, and doubles are no whole numbers.
        const MOST: f64 = 9e15;
        // Bounded just before.
        #[allow(clippy::cast_possible_truncation)]
        let whole = |number: f64| {
            let bounded = (-MOST..=MOST).contains(&number).then_some(number as i64);
            bounded.ok_or_else(|| format!("{name} is out of range"))
        };
        match self.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Int(number)) => Ok(Some(*number)),
            Some(Value::Float(number)) => whole(*number).map(Some),
            Some(Value::String(text)) => match text.parse::<i64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => {
                    let invalid =
                        || format!("json: invalid number literal, trying to unmarshal {text:?} into Number");
                    whole(text.parse::<f64>().map_err(|_| invalid())?).map(Some)
                }
            },
            Some(other) => Err(mismatch(other, "json.Number")),
        }
    }
}

/// What upstream says of a claim of another type than it has to be.
fn mismatch(value: &Value, wanted: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) | Value::Raw(_) => "object",
    };
    format!("json: cannot unmarshal {found} into Go value of type {wanted}")
}

/// The issuer's URL by what a token calls it.
pub(super) fn issuer_url(claimed: &str) -> &str {
    if claimed == GOOGLE.0 { GOOGLE.1 } else { claimed }
}

/// The payload of a token, which nobody has verified.
///
/// # Errors
/// Where it is no token.
pub(super) fn unverified_payload(token: &str) -> Result<Vec<u8>, String> {
    let Some(payload) = token.split('.').nth(1) else {
        return Err(format!("oidc: malformed jwt, expected 3 parts got {}", token.split('.').count()));
    };
    URL_SAFE_NO_PAD.decode(payload).map_err(|why| format!("oidc: malformed jwt payload: {why}"))
}
