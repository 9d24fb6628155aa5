use proptest::prelude::*;

use super::*;
use crate::codec::protobuf::tests::{WIDGET, schema};
use crate::schema::StructType;

/// Numbers out of a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % sides as u64) as usize
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

/// What goes in the way of what a type says, in a thousandth of all places each.
#[derive(Clone, Copy)]
struct Trouble {
    null: usize,
    repeated: usize,
    unknown: usize,
    wrong: usize,
}

const NONE: Trouble = Trouble { null: 0, repeated: 0, unknown: 0, wrong: 0 };

/// A schema of what real ones hardly have.
fn odd_schema() -> Schema {
    let field = |json: &str, number, kind| Field::new(json, number, kind);
    let omit = |json: &str, number, kind| Field { omit: Omit::Empty, ..field(json, number, kind) };
    let zero = |json: &str, number, kind| Field { omit: Omit::Zero, ..field(json, number, kind) };
    let pointer = |json: &str, number, kind| Field { pointer: true, ..omit(json, number, kind) };
    let null = |json: &str, number, kind| Field { pointer: true, ..field(json, number, kind) };
    let inline = |number, id| Field { inline: true, ..field("", number, Kind::Struct(TypeId(id))) };
    let nil = |number, id| Field { pointer: true, ..inline(number, id) };
    let list = |kind| Kind::List(Box::new(kind));
    let map = |kind| Kind::Map(Box::new(kind));
    let verbs = || Kind::ListMessage(Box::new(Kind::String));
    let of = |name: &str, fields| StructType::new(name, format!("v1.{name}"), fields);
    Schema::new(vec![
        of(
            "Odd",
            vec![
                inline(0, 1),
                nil(0, 5),
                zero("zero", 7, Kind::Struct(TypeId(2))),
                zero("other", 3, Kind::Struct(TypeId(3))),
                pointer("again", 20, Kind::Struct(TypeId(0))),
                pointer("hiding", 5, Kind::Struct(TypeId(4))),
                null("never", 4, Kind::String),
                null("verbs", 6, verbs()),
                pointer("pverbs", 8, verbs()),
                omit("overbs", 9, verbs()),
                field("nverbs", 10, verbs()),
                pointer("bytes", 11, Kind::Bytes),
                omit("any", 0, Kind::Any),
                omit("many", 12, list(Kind::Bytes)),
                omit("floats", 13, list(Kind::Float64)),
                omit("times", 14, list(Kind::Time)),
                omit("waits", 15, map(Kind::Duration)),
                zero("micro", 16, Kind::MicroTime),
                zero("quantity", 17, Kind::Quantity),
                zero("port", 18, Kind::IntOrString),
                zero("raw", 19, Kind::RawExtension),
                omit("structs", 1500, map(Kind::Struct(TypeId(0)))),
                omit("secret", 21, map(Kind::Bytes)),
                omit("either", 22, Kind::SchemaOrBool(TypeId(0))),
                zero("both", 23, Kind::SchemaOrArray(TypeId(0))),
            ],
        ),
        of("Meta", vec![omit("kind", 1, Kind::String), field("level", 2, Kind::Int32)]),
        of(
            "Zero",
            vec![field("float", 2, Kind::Float64), nil(1, 3), omit("small", 3, Kind::Float64), inline(9, 5)],
        ),
        of("Inner", vec![field("count", 2, Kind::Int32), omit("label", 1, Kind::String), nil(3, 6)]),
        of("Hiding", vec![field("label", 2, Kind::String), inline(1, 3), field("own", 3, Kind::Bool)]),
        of("More", vec![pointer("extra", 2, Kind::Bool), zero("deep", 1, Kind::Struct(TypeId(6)))]),
        of("Deep", vec![omit("deeper", 1, map(Kind::String)), omit("flag", 2, Kind::Bool)]),
    ])
}

struct Author<'s> {
    schema: &'s Schema,
    dice: Dice,
    trouble: Trouble,
    out: String,
}

impl Author<'_> {
    fn troubled(&mut self, thousandths: usize) -> bool {
        self.dice.roll(1000) < thousandths
    }

    fn space(&mut self) {
        let space = self.dice.pick(&["", "", "", " ", "\n\t"]);
        self.out.push_str(space);
    }

    fn object(&mut self, id: TypeId, depth: usize) {
        self.out.push('{');
        let of = self.schema.get(id);
        let mut order: Vec<usize> = (0..of.members().len()).collect();
        let mut first = true;
        while !order.is_empty() {
            let i = self.dice.roll(order.len());
            let member = match self.troubled(self.trouble.repeated) {
                true => order[i],
                false => order.swap_remove(i),
            };
            if self.dice.roll(3) != 0 {
                continue;
            }
            if self.troubled(self.trouble.unknown) {
                self.comma(&mut first);
                self.out.push_str(r#""unknown":{"a":[1,{}],"a":null}"#);
            }
            self.comma(&mut first);
            self.space();
            let member = &of.members()[member];
            self.out.push_str(&member.quoted);
            let kind = &self.schema.field_at(id, &member.path).kind;
            self.value(kind, depth);
        }
        self.out.push('}');
    }

    fn comma(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.space();
            self.out.push(',');
        }
    }

    fn value(&mut self, kind: &Kind, depth: usize) {
        self.space();
        if self.troubled(self.trouble.null) {
            self.out.push_str("null");
            return;
        }
        if self.troubled(self.trouble.wrong) {
            let wrong =
                self.dice.pick(&["1", "-5", "300", "\"x\"", "[]", "{}", "true", "[1,300]", "1e9", "}"]);
            self.out.push_str(wrong);
            return;
        }
        let text = match kind {
            Kind::Bool => self.dice.pick(&["true", "false"]),
            Kind::Int32 | Kind::Int64 => self.dice.pick(&["0", "1", "-1", "300", "2147483647"]),
            Kind::Float64 => self.dice.pick(&["0", "-0.0", "1.5", "-3", "1e300"]),
            Kind::String => self.dice.pick(&[r#""""#, r#""a""#, r#""\u00e9\"\ud800""#, "\"\u{e9} longer\""]),
            Kind::Bytes => {
                self.dice.pick(&[r#""""#, r#""AAE=""#, r#""aB==""#, r#""a\nGk=""#, "[]", "[1,null,255]"])
            }
            Kind::Time => self.dice.pick(&[
                r#""2026-01-02T03:04:05Z""#,
                r#""0001-01-01T00:00:00Z""#,
                r#""0001-01-01T00:00:00.0000004Z""#,
                r#""9999-12-31T23:59:59-07:00""#,
                r#""0000-01-01T00:00:00+05:00""#,
            ]),
            Kind::MicroTime => self.dice.pick(&[
                r#""2026-01-02T03:04:05.000006Z""#,
                r#""0001-01-01T00:00:00.000000Z""#,
                r#""0000-01-01T00:00:00.654321+05:00""#,
            ]),
            Kind::Duration => self.dice.pick(&[r#""0s""#, r#""-1.5h""#, r#""90m""#]),
            Kind::Quantity => self.dice.pick(&["0", "1.5", r#""1024Ki""#, r#"" 100m ""#, r#""1e3""#, "1e3"]),
            Kind::IntOrString => self.dice.pick(&["0", "80", r#""25%""#, r#""""#]),
            Kind::RawExtension | Kind::FieldsV1 | Kind::Json | Kind::Any => {
                self.dice.pick(&["{ }", r#"{"b": 1,"a":[ "x y\" ", null]}"#, "1.50", r#"{"a":1,"a":2}"#])
            }
            Kind::SchemaOrArray(id) | Kind::SchemaOrBool(id) | Kind::SchemaOrStringArray(id) => {
                let other = match kind {
                    Kind::SchemaOrArray(_) => ["[]", "[{}, null]", "[{\"type\":\"a\"}]"],
                    Kind::SchemaOrBool(_) => ["true", "false", "true"],
                    _ => ["[]", "[\"a\",null]", "[\"\"]"],
                };
                match self.dice.roll(2) {
                    0 => self.dice.pick(&other),
                    _ if depth == 0 => "{}",
                    _ => return self.object(*id, depth - 1),
                }
            }
            Kind::Struct(_) if depth == 0 => "{}",
            Kind::Struct(id) => return self.object(*id, depth - 1),
            Kind::List(of) | Kind::ListMessage(of) => {
                self.out.push('[');
                for i in 0..self.dice.roll(4) {
                    self.comma(&mut (i == 0));
                    self.value(of, depth);
                }
                "]"
            }
            Kind::Map(of) => {
                self.out.push('{');
                for i in 0..self.dice.roll(4) {
                    self.comma(&mut (i == 0));
                    let repeats = self.trouble.repeated > 0;
                    let key = self.dice.pick(&[r#""""#, r#""a""#, r#""\u0062""#, "\"\u{e9}\"", r#""b.c""#]);
                    match repeats {
                        true => self.out.push_str(key),
                        false => self.out.push_str(&format!("\"{}k{i}\"", self.dice.roll(9))),
                    }
                    self.out.push(':');
                    self.value(of, depth);
                }
                "}"
            }
        };
        self.out.push_str(text);
    }
}

fn write(schema: &Schema, ty: TypeId, seed: u64, trouble: Trouble) -> String {
    let mut author = Author { schema, dice: Dice(seed), trouble, out: String::new() };
    author.object(ty, 4);
    author.out
}

/// Both ways come to the same. Says whether the text is accepted.
fn agree(schema: &Schema, ty: TypeId, text: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(text);
    let (mut direct, mut tree) = (b"before".to_vec(), b"before".to_vec());
    let want = through_tree(schema, ty, text, &mut tree);
    assert_eq!(json_to_protobuf(schema, ty, text, &mut direct), want, "{shown}");
    assert_eq!(direct, tree, "{shown}");
    want.is_ok()
}

/// It is accepted, and not by way of a tree of the whole.
fn is_direct(schema: &Schema, ty: TypeId, text: &str) {
    assert!(agree(schema, ty, text.as_bytes()), "{text}");
    assert!(directly(schema, ty, text.as_bytes(), &mut Vec::new()).is_some(), "{text}");
}

#[test]
fn rare_shapes_come_out_as_through_a_tree() {
    let schema = odd_schema();
    for text in [
        "{}",
        r#"{"zero":{"float":-0.0}}"#,
        r#"{"zero":{"float":-0.0,"small":-0.0},"never":null}"#,
        r#"{"zero":{"count":0}}"#,
        r#"{"zero":{"label":""}}"#,
        r#"{"zero":{"deeper":{}}}"#,
        r#"{"zero":{"deep":{"flag":false}}}"#,
        r#"{"other":{"flag":false,"count":0}}"#,
        r#"{"other":{"deeper":{"b":"","a":"x"}}}"#,
        r#"{"hiding":{"label":"x","count":1,"own":true}}"#,
        r#"{"hiding":{"label":"x"},"hiding":{"own":true}}"#,
        r#"{"extra":true,"deep":{"flag":true},"level":3,"kind":"Odd","any":[1,"x",{"a":null}]}"#,
        r#"{"verbs":[],"pverbs":[],"overbs":[],"nverbs":[],"bytes":"","many":["",null,[1]]}"#,
        r#"{"verbs":null,"pverbs":null,"overbs":null,"nverbs":null,"bytes":null}"#,
        r#"{"floats":[-0.0,0,null],"times":[null,"0001-01-01T00:00:00Z"],"secret":{"b":null,"a":""}}"#,
        r#"{"micro":"0001-01-01T00:00:00.000000Z","quantity":"0","port":"","raw":null}"#,
        r#"{"structs":{"b":{"level":1},"a":{},"b":{"kind":"x"},"a":null}}"#,
        r#"{"both":[],"either":{"either":true}}"#,
    ] {
        is_direct(&schema, TypeId(0), text);
    }
}

#[test]
fn repeated_members_are_merged_and_reported_once() {
    let schema = schema();
    for text in [
        r#"{"spec":{"count":1,"count":null,"zeta":"a","zeta":"b","flag":true,"flag":null}}"#,
        r#"{"spec":{"ratio":1.5,"ratio":-0.0,"big":1,"big":2,"big":null,"secret":"AA==","secret":null}}"#,
        r#"{"spec":{"zeta":"a"},"status":{"ready":true},"spec":{"big":1},"x":1}"#,
        r#"{"metadata":{"labels":{"b":"1","a":"2"},"labels":{"a":"3","c":"4"}},"spec":{"x":1}}"#,
        r#"{"metadata":{"labels":{"b":"1","a":"2","b":"3","b":"4"},"finalizers":["a","b"],"finalizers":[null]}}"#,
        r#"{"spec":{"x":1,"parts":[{"name":"a","y":1},{}],"parts":[{"y":1},{"name":"b"}],"z":1},"spec":null}"#,
        r#"{"spec":{"schema":{"items":{"type":"a","type":"b","x":1},"items":[{}]},"port":1,"port":"a"}}"#,
    ] {
        is_direct(&schema, WIDGET, text);
    }
}

#[test]
fn what_is_refused_is_refused_in_the_same_words() {
    let schema = schema();
    for text in [
        "",
        "1",
        "[]",
        "{} x",
        r#"{"spec":{"count":"x","big":1.5,"limits":{"a":"1x"}},"#,
        r#"{"spec":{"count":"x","limits":{"a":"1x"}}}"#,
        r#"{"spec":{"limits":{"a":"1x"},"limits":1}}"#,
        r#"{"spec":{"count":4000000000}}"#,
        r#"{"spec":{"secret":"!!"},"metadata":7}"#,
        r#"{"spec":{"wait":null,"wait":5}}"#,
        r#"{"spec":{"schema":{"dependencies":{"a":[1]}}}}"#,
        r#"{"spec":{"schema":{"items":{"type":1},"additional":{"type":[]}}}}"#,
        r#"{"spec":{"count":true,"schema":{"items":{"type":1}}}}"#,
        r#"{"metadata":{"labels":{"a":1,"a":"2"}},"metadata":{"labels":{"a":[]}}}"#,
    ] {
        assert!(!agree(&schema, WIDGET, text.as_bytes()), "{text}");
    }
    assert!(agree(&schema, WIDGET, b" null "));
}

#[test]
fn depth_is_bounded() {
    let schema = schema();
    for depth in [100, 126, 127, 128, 129, 130, 200, 509, 510, 511, 512, 600, 100_000] {
        for (open, close) in
            [(r#"{"additional":"#, "}"), (r#"{"items":["#, "]}"), (r#"{"properties":{"a":"#, "}}")]
        {
            let depth = if open.matches(['[', '{']).count() > 1 { depth / 2 } else { depth };
            let text = format!(
                r#"{{"spec":{{"schema":{}{{"type":"a"}}{}}}}}"#,
                open.repeat(depth),
                close.repeat(depth)
            );
            agree(&schema, WIDGET, text.as_bytes());
        }
    }
}

#[test]
fn repeated_members_at_every_level_do_not_multiply_the_work() {
    let schema = schema();
    let inner = format!(r#"{{"type":"{}","type":"b"}}"#, "x".repeat(1 << 16));
    let text =
        (0..100).fold(inner, |inner, _| format!(r#"{{"properties":{{"p":{inner}}},"properties":{{}}}}"#));
    let text = format!(r#"{{"spec":{{"schema":{text}}}}}"#);
    assert!(agree(&schema, WIDGET, text.as_bytes()));
    assert!(directly(&schema, WIDGET, text.as_bytes(), &mut Vec::new()).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn objects_go_directly(seed: u64) {
        is_direct(&schema(), WIDGET, &write(&schema(), WIDGET, seed, NONE));
        is_direct(&odd_schema(), TypeId(0), &write(&odd_schema(), TypeId(0), seed, NONE));
    }

    #[test]
    fn objects_with_trouble_come_out_as_through_a_tree(
        seed: u64, null in 0usize..200, repeated in 0usize..300, unknown in 0usize..200, wrong in 0usize..20,
        cut in 0usize..400, byte: u8,
    ) {
        for wrong in [0, wrong] {
            let trouble = Trouble { null, repeated, unknown, wrong };
            for (schema, ty) in [(schema(), WIDGET), (odd_schema(), TypeId(0))] {
                let text = write(&schema, ty, seed, trouble);
                agree(&schema, ty, text.as_bytes());
                // Cut off, and with a byte that is another.
                let mut bytes = text.into_bytes();
                let at = cut % bytes.len();
                agree(&schema, ty, &bytes[..at]);
                bytes[at] = byte;
                agree(&schema, ty, &bytes);
            }
        }
    }

    #[test]
    fn any_bytes_come_out_as_through_a_tree(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"{}[]\":,0"[..])], 0..60),
    ) {
        agree(&schema(), WIDGET, &bytes);
    }
}
