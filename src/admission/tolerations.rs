//! Tolerations that are merged and compared.

use keelson_apimachinery::Value;

/// Both lists as one, without what another one covers.
pub(super) fn merge(first: &[Value], second: &[Value]) -> Vec<Value> {
    let all: Vec<&Value> = first.iter().chain(second).collect();
    let mut merged: Vec<Value> = Vec::with_capacity(all.len());
    for (i, toleration) in all.iter().enumerate() {
        let covered = merged.iter().any(|other| covers(other, toleration))
            || all[i + 1..].iter().any(|other| other != toleration && covers(other, toleration));
        if !covered {
            merged.push((*toleration).clone());
        }
    }
    merged
}

/// Whether each of the tolerations is covered by an allowed one; all are where none is named.
pub(super) fn are_allowed(tolerations: &[Value], allowed: &[Value]) -> bool {
    allowed.is_empty() || tolerations.iter().all(|t| allowed.iter().any(|allowed| covers(allowed, t)))
}

/// Whether `wide` tolerates all that `narrow` does.
fn covers(wide: &Value, narrow: &Value) -> bool {
    if wide == narrow {
        return true;
    }
    let text = |of: &Value, key: &str| of.str_at(&[key]).to_owned();
    let differ = |key: &str| text(wide, key) != text(narrow, key);
    let (key, effect, operator) = (text(wide, "key"), text(wide, "effect"), text(wide, "operator"));
    // Without a key `Exists` covers all keys, and without an effect all effects are meant.
    if differ("key") && !(key.is_empty() && operator == "Exists") {
        return false;
    }
    if differ("effect") && !effect.is_empty() {
        return false;
    }
    let seconds = |of: &Value| of.get("tolerationSeconds").and_then(Value::as_i64);
    if effect == "NoExecute"
        && let Some(most) = seconds(wide)
        && seconds(narrow).is_none_or(|seconds| seconds > most)
    {
        return false;
    }
    match operator.as_str() {
        "Equal" | "" => text(narrow, "operator") == "Equal" && !differ("value"),
        operator => operator == "Exists",
    }
}
