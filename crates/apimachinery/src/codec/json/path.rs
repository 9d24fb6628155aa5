//! Where a decoder is in its input, kept on the stack and put into words only for an error.

use crate::schema::{Kind, Member};
use crate::{Schema, TypeId};

/// A place in the input, linked to the one around it.
#[derive(Clone, Copy)]
pub(in crate::codec) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    segment: Segment<'p>,
}

#[derive(Clone, Copy)]
enum Segment<'p> {
    Root,
    Key(&'p str),
    Index(usize),
    Member(TypeId, &'p Member),
}

impl<'p> Path<'p> {
    pub(in crate::codec) const ROOT: Path<'static> = Path { parent: None, segment: Segment::Root };

    /// The value of a map's key here.
    pub(in crate::codec) fn key(&'p self, key: &'p str) -> Path<'p> {
        Path { parent: Some(self), segment: Segment::Key(key) }
    }

    /// The element of a list here.
    pub(in crate::codec) fn index(&'p self, index: usize) -> Path<'p> {
        Path { parent: Some(self), segment: Segment::Index(index) }
    }

    /// The member of a struct here.
    pub(in crate::codec) fn member(&'p self, owner: TypeId, member: &'p Member) -> Path<'p> {
        Path { parent: Some(self), segment: Segment::Member(owner, member) }
    }

    /// The segments, outermost first.
    fn segments(&self) -> Vec<Segment<'_>> {
        let mut segments: Vec<_> =
            std::iter::successors(Some(self), |path| path.parent).map(|path| path.segment).collect();
        segments.reverse();
        segments
    }

    /// The path of a member here as strict errors write it: `spec.containers[0].image`.
    pub(in crate::codec) fn strict(&self, member: &str) -> String {
        let mut text = String::new();
        // The root is no part of it, and the first part has no dot even where it is empty.
        for (i, segment) in self.segments().into_iter().skip(1).enumerate() {
            let dot = if i > 0 { "." } else { "" };
            match segment {
                Segment::Root => {}
                Segment::Index(i) => text.push_str(&format!("[{i}]")),
                Segment::Key(key) => text.extend([dot, key]),
                Segment::Member(_, member) => text.extend([dot, &member.json]),
            }
        }
        let dot = if self.parent.is_some() { "." } else { "" };
        text.extend([dot, member]);
        text
    }

    /// Which Go struct field this is, as type errors write it: the innermost struct's name, then the names
    /// of all struct fields on the way, those of embedded structs among them. `None` outside of structs.
    pub(in crate::codec) fn struct_field(&self, schema: &Schema) -> Option<String> {
        let mut innermost = None;
        let mut text = String::new();
        for segment in self.segments() {
            let Segment::Member(owner, member) = segment else { continue };
            innermost = Some(owner);
            for n in 1..member.path.len() {
                if let Kind::Struct(embedded) = schema.field_at(owner, &member.path[..n]).kind {
                    push(&mut text, type_name(schema, embedded));
                }
            }
            push(&mut text, &member.json);
        }
        Some(format!("{}.{text}", type_name(schema, innermost?)))
    }

    /// The Go type of what stands here, where the facts of the field that it is in tell it.
    pub(in crate::codec) fn go_type<'s>(&self, schema: &'s Schema) -> Option<&'s str> {
        let mut within = 0;
        let mut path = Some(self);
        while let Some(Path { parent, segment }) = path {
            if let Segment::Member(owner, member) = segment {
                let mut name = schema.field_at(*owner, &member.path).go_type.as_str();
                for _ in 0..within {
                    name = name
                        .strip_prefix("[]")
                        .or_else(|| Some(name.strip_prefix("map[")?.split_once(']')?.1))?;
                }
                return (!name.is_empty()).then_some(name);
            }
            within += 1;
            path = *parent;
        }
        None
    }
}

fn push(text: &mut String, segment: &str) {
    if !text.is_empty() {
        text.push('.');
    }
    text.push_str(segment);
}

/// The Go name of a struct type without its package.
fn type_name(schema: &Schema, id: TypeId) -> &str {
    let name = schema.get(id).go_name.as_str();
    name.rsplit_once('.').map_or(name, |(_, name)| name)
}
