//! Descriptions of types and fields: what `kubectl explain` shows.

use std::collections::BTreeMap;
use std::io::Read;

use crate::openapi_schema::Describe;

static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptions.bin"));

/// Descriptions by definition and property. About a megabyte, which is the caller's to drop.
#[derive(Debug)]
pub struct Descriptions {
    definitions: BTreeMap<Box<str>, Texts>,
}

#[derive(Debug)]
struct Texts {
    own: Box<str>,
    properties: BTreeMap<Box<str>, Box<str>>,
}

/// Unpacks the descriptions, a work of milliseconds: they are kept compressed, for they are seldom asked for.
pub fn descriptions() -> Descriptions {
    type Line<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>);
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(BYTES).read_to_end(&mut plain).expect("the build script compressed them");
    let lines: Vec<Line<'_>> = postcard::from_bytes(&plain).expect("the build script wrote the same types");
    let texts = |own: &str, properties: Vec<(&str, &str)>| Texts {
        own: own.into(),
        properties: properties.into_iter().map(|(name, text)| (name.into(), text.into())).collect(),
    };
    let definitions =
        lines.into_iter().map(|(name, own, properties)| (name.into(), texts(own, properties))).collect();
    Descriptions { definitions }
}

impl Descriptions {
    /// The description of the definition with this name, such as `io.k8s.api.core.v1.Pod`.
    pub fn of_type(&self, definition: &str) -> Option<&str> {
        let texts = self.definitions.get(definition)?;
        (!texts.own.is_empty()).then_some(&*texts.own)
    }

    /// The description of a definition's property; those of inlined structs are the definition's own.
    pub fn of_field(&self, definition: &str, property: &str) -> Option<&str> {
        self.definitions.get(definition)?.properties.get(property).map(|text| &**text)
    }
}

impl Describe for Descriptions {
    fn describe(&self, definition: &str, property: Option<&str>) -> Option<&str> {
        match property {
            None => self.of_type(definition),
            Some(property) => self.of_field(definition, property),
        }
    }
}
