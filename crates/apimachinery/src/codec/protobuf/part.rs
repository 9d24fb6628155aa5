//! What of an object is wanted, for those who read a few of its members and no more.

use std::collections::HashMap;

use crate::schema::{Kind, Schema, TypeId};

/// The members that are decoded of some types; of all other types, all are.
///
/// It speaks of types, not of places: a type that stands in several places is read alike in all of them.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// By type: whether a member is wanted.
    types: HashMap<TypeId, Box<[bool]>>,
}

impl Part {
    /// Of an object of this type, what stands at these paths of JSON names, with everything below; lists and maps
    /// are gone through. Paths that lead to nothing in the type say nothing.
    pub fn of(schema: &Schema, ty: TypeId, paths: &[&[&str]]) -> Self {
        let mut part = Part::default();
        for path in paths {
            let mut at = Some(ty);
            for name in *path {
                let Some(id) = at else { break };
                at = part.want(schema, id, name);
            }
        }
        part
    }

    /// Notes that a member of a type is wanted, and returns the type that it leads to.
    fn want(&mut self, schema: &Schema, id: TypeId, name: &str) -> Option<TypeId> {
        let members = schema.get(id).members();
        let index = members.iter().position(|member| member.json == name)?;
        self.types.entry(id).or_insert_with(|| vec![false; members.len()].into())[index] = true;
        let mut kind = &schema.field_at(id, &members[index].path).kind;
        loop {
            kind = match kind {
                Kind::Struct(inner) => return Some(*inner),
                Kind::List(of) | Kind::ListMessage(of) | Kind::Map(of) => of,
                _ => return None,
            };
        }
    }

    /// Which members of a type are wanted; `None` for all.
    pub(super) fn members(&self, id: TypeId) -> Option<&[bool]> {
        self.types.get(&id).map(|wanted| &**wanted)
    }
}
