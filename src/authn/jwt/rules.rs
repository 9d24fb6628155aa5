//! The rules of an issuer, and what they make of claims: a user, or a reason why there is none.
//!
//! Rules are made by [`super::validation`] alone: those that exist are good.

use std::collections::BTreeMap;

use super::claims::Claims;
use super::config::Issuer;
use super::expression::{Expression, Input};
use crate::authn::CREDENTIAL_ID;
use crate::request::UserInfo;

/// The claim whose value is a name only where another claim says that it was verified.
const EMAIL: &str = "email";
const EMAIL_VERIFIED: &str = "email_verified";

/// What an issuer's tokens must say, and what is made of it.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) issuer: Issuer,
    pub(super) username: Mapping,
    pub(super) groups: Option<Mapping>,
    pub(super) uid: Option<Mapping>,
    /// By key.
    pub(super) extra: Vec<(String, Expression)>,
    /// Claims, and the value that each must have.
    pub(super) required: Vec<(String, String)>,
    pub(super) conditions: Vec<Condition>,
    pub(super) user_conditions: Vec<Condition>,
}

/// Where a value comes from.
#[derive(Debug)]
pub(super) enum Mapping {
    Claim { name: String, prefix: String },
    Expression(Expression),
}

/// What must hold, and what is said where it doesn't.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) expression: Expression,
    pub(super) message: String,
}

impl Mapping {
    fn expression(&self) -> Option<&Expression> {
        match self {
            Mapping::Claim { .. } => None,
            Mapping::Expression(expression) => Some(expression),
        }
    }
}

impl Rules {
    /// The claim that the groups are in, where no expression says which they are.
    pub(super) fn groups_claim(&self) -> Option<&str> {
        match &self.groups {
            Some(Mapping::Claim { name, .. }) => Some(name),
            _ => None,
        }
    }

    /// The user that the claims of a verified token name.
    ///
    /// # Errors
    /// Why they name none, or one that the rules don't allow. For the log.
    pub(super) fn user(&self, claims: &Claims) -> Result<UserInfo, String> {
        let mut over_claims = self.over_claims().peekable();
        let input = match over_claims.peek() {
            None => Input::nothing(),
            Some(_) => Input::claims(claims, over_claims.any(Expression::may_escape))?,
        };
        let seen = Seen { claims, input };
        let user = UserInfo {
            name: self.name(&seen)?,
            groups: self.groups(&seen)?,
            uid: self.uid(&seen)?,
            extra: self.extra(&seen)?,
        };
        self.check_required(claims)?;
        let failed = |why| format!("oidc: error evaluating claim validation expression: {why}");
        check(&self.conditions, &seen.input).map_err(failed)?;
        if !self.user_conditions.is_empty() {
            let escaped = self.user_conditions.iter().any(|condition| condition.expression.may_escape());
            let failed = |why| format!("oidc: error evaluating user info validation rule: {why}");
            check(&self.user_conditions, &Input::user(&user, escaped)).map_err(failed)?;
        }
        Ok(user)
    }

    /// The expressions that see the claims.
    fn over_claims(&self) -> impl Iterator<Item = &Expression> {
        let mappings = [Some(&self.username), self.groups.as_ref(), self.uid.as_ref()];
        let mappings = mappings.into_iter().flatten().filter_map(Mapping::expression);
        let extra = self.extra.iter().map(|(_, expression)| expression);
        mappings.chain(extra).chain(self.conditions.iter().map(|condition| &condition.expression))
    }

    fn name(&self, seen: &Seen<'_>) -> Result<String, String> {
        let (name, prefix) = match &self.username {
            Mapping::Claim { name, prefix } => (name, prefix),
            Mapping::Expression(expression) => {
                let name = seen.string(expression, "username")?;
                return if name.is_empty() {
                    Err("oidc: empty username via CEL expression is not allowed".to_owned())
                } else {
                    Ok(name)
                };
            }
        };
        let wrong = |why| format!("oidc: parse username claims {name:?}: {why}");
        let value = seen.claims.string(name).map_err(wrong)?;
        if name == EMAIL && seen.claims.get(EMAIL_VERIFIED).is_some() {
            let wrong = |why| format!("oidc: parse 'email_verified' claim: {why}");
            if !seen.claims.boolean(EMAIL_VERIFIED).map_err(wrong)? {
                return Err("oidc: email not verified".to_owned());
            }
        }
        Ok(format!("{prefix}{value}"))
    }

    fn groups(&self, seen: &Seen<'_>) -> Result<Vec<String>, String> {
        match &self.groups {
            None => Ok(Vec::new()),
            Some(Mapping::Claim { name, prefix }) => {
                let groups = seen.claims.strings(name);
                let mut groups = groups.map_err(|why| format!("oidc: parse groups claim {name:?}: {why}"))?;
                for group in groups.iter_mut().filter(|_| !prefix.is_empty()) {
                    group.insert_str(0, prefix);
                }
                Ok(groups)
            }
            Some(Mapping::Expression(expression)) => {
                let groups = seen.strings(expression);
                groups.map_err(|why| format!("oidc: error evaluating group claim expression: {why}"))
            }
        }
    }

    fn uid(&self, seen: &Seen<'_>) -> Result<String, String> {
        match &self.uid {
            None => Ok(String::new()),
            Some(Mapping::Claim { name, .. }) => {
                let uid = seen.claims.string(name).map(str::to_owned);
                uid.map_err(|why| format!("oidc: parse uid claim {name:?}: {why}"))
            }
            Some(Mapping::Expression(expression)) => seen.string(expression, "uid"),
        }
    }

    fn extra(&self, seen: &Seen<'_>) -> Result<BTreeMap<String, Vec<String>>, String> {
        let mut extra = BTreeMap::new();
        if let Some(id) = seen.claims.string("jti").ok().filter(|id| !id.is_empty()) {
            extra.insert(CREDENTIAL_ID.to_owned(), vec![format!("JTI={id}")]);
        }
        for (key, expression) in &self.extra {
            let values = seen.strings(expression).map_err(|why| {
                format!("oidc: error evaluating extra claim expression: {}: {why}", expression.text())
            })?;
            if !values.is_empty() {
                extra.insert(key.clone(), values);
            }
        }
        Ok(extra)
    }

    fn check_required(&self, claims: &Claims) -> Result<(), String> {
        for (claim, wanted) in &self.required {
            if claims.get(claim).is_none() {
                return Err(format!("oidc: required claim {claim} not present in ID token"));
            }
            let found = claims.string(claim).map_err(|why| format!("oidc: parse claim {claim}: {why}"))?;
            if found != wanted {
                let differ = format!("value does not match. Got = {found}, want = {wanted}");
                return Err(format!("oidc: required claim {claim} {differ}"));
            }
        }
        Ok(())
    }
}

/// Claims, and how expressions see them.
struct Seen<'a> {
    claims: &'a Claims,
    input: Input,
}

impl Seen<'_> {
    /// The value of an expression for this field, which has to be a string.
    fn string(&self, expression: &Expression, field: &str) -> Result<String, String> {
        let failed = |why: String| format!("oidc: error evaluating {field} claim expression: {why}");
        let text = expression.string(&self.input).map_err(failed)?;
        text.ok_or_else(|| failed(format!("{field} claim expression must return a string")))
    }

    fn strings(&self, expression: &Expression) -> Result<Vec<String>, String> {
        expression.strings(&self.input)
    }
}

/// Whether all conditions hold; all are evaluated first, as upstream does.
fn check(conditions: &[Condition], input: &Input) -> Result<(), String> {
    let held = conditions.iter().map(|condition| condition.expression.holds(input));
    let held = held.collect::<Result<Vec<_>, _>>()?;
    match conditions.iter().zip(held).find(|(_, held)| !held) {
        None => Ok(()),
        Some((Condition { expression, message }, _)) => {
            Err(format!("validation expression '{}' failed: {message}", expression.text()))
        }
    }
}
