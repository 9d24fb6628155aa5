use proptest::prelude::*;

use super::*;
use crate::Value;
use crate::codec::{MAX_DEPTH, json};

fn to_json(yaml: &str) -> String {
    let decoded = decode_untyped(yaml.as_bytes()).unwrap_or_else(|e| panic!("{yaml:?}: {e}"));
    let mut out = Vec::new();
    json::encode_untyped(&decoded.value, &mut out);
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(yaml: &str, json: &str) {
    assert_eq!(to_json(yaml), json, "{yaml:?}");
}

#[track_caller]
fn check_error(yaml: &str, message: &str) {
    let result = decode_untyped(yaml.as_bytes());
    assert_eq!(result.map(|d| d.value).unwrap_err().message(), message, "{yaml:?}");
}

#[track_caller]
fn check_emit(json: &str, yaml: &str) {
    let value = json::decode_untyped(json.as_bytes()).unwrap().value;
    let mut out = Vec::new();
    encode(&value, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), yaml, "{json}");
}

#[test]
fn plain_words_mean_what_they_mean_in_yaml_1_1() {
    for (words, json) in [
        ("y Y yes Yes YES true True TRUE on On ON", "true"),
        ("n N no No NO false False FALSE off Off OFF", "false"),
        ("~ null Null NULL", "null"),
        ("10 +10 0xA 0XA 012 0o12 0b1010 1_0 10.0 1e1 1.0e+1", "10"),
        ("-10 -0xA -012 -0b1010", "-10"),
        ("08 8 8.", "8"),
        (".5 0.5 5e-1", "0.5"),
    ] {
        for word in words.split(' ') {
            check(&format!("[{word}]"), &format!("[{json}]"));
        }
    }
    for word in [
        "yEs",
        "nULL",
        "tRue",
        "1.2.3",
        "0x",
        "0xg",
        "1e",
        "--",
        "1:30",
        "2024-01-01",
        "2024-01-01T00:00:00Z",
        "=",
        "<<",
        "1e400",
        "_1",
        "0b12",
        "a_b",
    ] {
        check(&format!("- {word}"), &format!("[\"{word}\"]").replace('<', "\\u003c"));
    }
    check("[9223372036854775807, -9223372036854775808]", "[9223372036854775807,-9223372036854775808]");
    check("[1e21, 9223372036854775808]", "[1e+21,9223372036854776000]");
    check(
        "['yes', \"0\", !!str 5, !!float 5, !!int 0x5, !!binary aGk=, !local 5]",
        r#"["yes","0","5",5,5,"hi","5"]"#,
    );
}

#[test]
fn keys_become_strings() {
    check("1: a\n1.5: b\nyes: c\n'2': d\n0x10: e\n", r#"{"1":"a","1.5":"b","16":"e","2":"d","true":"c"}"#);
    check_error("~: a", "unsupported map key of type: %!s(<nil>), key: <nil>, value: \"a\"");
    check_error("? [a]\n: b", r#"yaml: invalid map key: []interface {}{"a"}"#);
    check_error(
        "{{ .V }}",
        r#"yaml: invalid map key: map[interface {}]interface {}{".V":interface {}(nil)}"#,
    );
}

#[test]
fn documents_are_read() {
    check("", "null");
    check("# nothing\n", "null");
    check("a: b\nc:\n- d\n- e: f\n  g:\n", r#"{"a":"b","c":["d",{"e":"f","g":null}]}"#);
    check("a: |\n  x\n   y\n\nb: >-\n  x\n  y\n", r#"{"a":"x\n y\n","b":"x y"}"#);
    check("a: |\n  x", r#"{"a":"x"}"#);
    check("a: \"\\x41\\u00e9\\n\"", r#"{"a":"Aé\n"}"#);
    // Only the first document counts.
    check("---\na: 1\n---\n}{", r#"{"a":1}"#);
    check("a: 1\n...\nb: 2\n", r#"{"a":1}"#);
    check(
        "a: &x {k: 1}\nb: *x\nc: {<<: *x, k: 2}\nd: {<<: [*x, {k: 3, l: 4}]}\n",
        r#"{"a":{"k":1},"b":{"k":1},"c":{"k":2},"d":{"k":1,"l":4}}"#,
    );
    check("{\"a\": [1.0, 2e3, \"\\u00e9\"]}", r#"{"a":[1,2000,"é"]}"#);
}

#[test]
fn errors_read_as_upstream() {
    check_error("metadata:\n  name: a\n bad: inde", "yaml: line 2: did not find expected key");
    check_error("a:\n  b: c\nd: e: f", "yaml: line 3: mapping values are not allowed in this context");
    check_error("a: b: c", "yaml: mapping values are not allowed in this context");
    check_error("a: {b: c\n", "yaml: line 1: did not find expected ',' or '}'");
    check_error("a: @b", "yaml: found character that cannot start any token");
    check_error("a: *b", "yaml: unknown anchor 'b' referenced");
    check_error("a: &b [*b]", "yaml: anchor 'b' value contains itself");
    check_error("a: \"b\n", "yaml: line 2: found unexpected end of stream");
    check_error("a: \0", "yaml: control characters are not allowed");
    check_error("[.inf]", "json: unsupported value: +Inf");
    check_error("[.nan]", "json: unsupported value: NaN");
    check_error("<<: 5", "yaml: map merge requires map or sequence of maps as the value");
    check_error("!!int x", "yaml: cannot decode !!str `x` as a !!int");
    check_error("!!binary '!'", "yaml: !!binary value contains invalid base64 data");
    assert!(decode_untyped(b"a: \xff").is_err());
}

#[test]
fn repeated_keys_are_one_strict_error_with_their_lines() {
    let yaml = "apiVersion: v1\ndata:\n  k: v\n  k: w\n1: a\n1: b\n\"1\": c\n";
    let decoded = decode_untyped(yaml.as_bytes()).unwrap();
    let strict: Vec<_> = decoded.strict.iter().map(|e| e.0.as_str()).collect();
    assert_eq!(
        strict,
        [
            "yaml: unmarshal errors:\n  line 4: key \"k\" already set in map\n  line 6: key 1 already set in map"
        ]
    );
    assert_eq!(decoded.value.str_at(&["data", "k"]), "w");
    let decoded = decode_untyped(br#"{"a": 1, "a": 2}"#).unwrap();
    assert_eq!(decoded.strict[0].0, "yaml: unmarshal errors:\n  line 1: key \"a\" already set in map");
}

#[test]
fn aliases_and_nesting_are_bounded() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..9 {
        let previous = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb.push_str(&format!("a{i}: &a{i} [{previous}]\n"));
    }
    check_error(&bomb, "yaml: document contains excessive aliasing");
    let wide = format!("a: &a {}\nb: [{}]", "x".repeat(10_000), vec!["*a"; 10_000].join(","));
    check_error(&wide, "yaml: document contains excessive aliasing");
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "? ".repeat(100_000)] {
        assert!(decode_untyped(text.as_bytes()).is_err());
    }
    check_error(&format!("[{}]", "1,".repeat(500_000)), "yaml: document is too complex");
    assert!(decode_untyped("- ".repeat(MAX_DEPTH).as_bytes()).is_ok());
}

#[test]
fn trees_are_written_as_upstream_writes_them() {
    check_emit("null", "null\n");
    check_emit(
        r#"{"b":[],"a":{},"c":null,"d":true,"e":-1,"f":1.5,"g":1e21,"h":0.00001}"#,
        "a: {}\nb: []\nc: null\nd: true\ne: -1\nf: 1.5\ng: 1e+21\nh: 1e-05\n",
    );
    check_emit(
        r#"{"spec":{"list":[{"a":1,"b":[2]},[3,[4]],"x"]}}"#,
        "spec:\n  list:\n  - a: 1\n    b:\n    - 2\n  - - 3\n    - - 4\n  - x\n",
    );
    // Digits in keys count as numbers, and letters come last.
    check_emit(
        r#"{"a10":0,"a2":0,"a02":0,"B":0,"b":0,"a-b":0,"ab":0,"1":0,"":0}"#,
        "\"\": 0\n\"1\": 0\nB: 0\na-b: 0\na2: 0\na02: 0\na10: 0\nab: 0\nb: 0\n",
    );
    check_emit(
        r#"["a","","y","no","~","1","0x1","1.5","1_0","2024-01-01","1:30","12:30:45.5","a: b","a:","a #b","a#b"]"#,
        concat!(
            "- a\n- \"\"\n- \"y\"\n- \"no\"\n- \"~\"\n- \"1\"\n- \"0x1\"\n- \"1.5\"\n- \"1_0\"\n- \"2024-01-01\"\n",
            "- \"1:30\"\n- \"12:30:45.5\"\n- 'a: b'\n- 'a:'\n- 'a #b'\n- a#b\n"
        ),
    );
    check_emit(
        r#"["- a","-a","---","[a","*a"," a","a ","it's","'a'","\ta","a\u0000","é","😀","<a>"]"#,
        concat!(
            "- '- a'\n- -a\n- '---'\n- '[a'\n- '*a'\n- ' a'\n- 'a '\n- it's\n- '''a'''\n- \"\\ta\"\n- \"a\\0\"\n",
            "- é\n- \"\\U0001F600\"\n- <a>\n"
        ),
    );
    check_emit(
        r#"{"a":"x\ny","b":"x\n","c":"x\n\n","d":"\n x","e":"x \ny","z":1}"#,
        "a: |-\n  x\n  y\nb: |\n  x\nc: |+\n  x\n\nd: |2-\n\n   x\ne: \"x \\ny\"\nz: 1\n",
    );
}

#[test]
fn long_text_is_folded_and_long_keys_are_marked() {
    let words = ["word"; 30].join(" ");
    check_emit(
        &format!(r#"{{"key":["{words}"]}}"#),
        &format!("key:\n- {}\n  {}\n", ["word"; 16].join(" "), ["word"; 14].join(" ")),
    );
    check_emit(
        &format!(r#"{{"k":"{words}: x"}}"#),
        &format!("k: '{}\n  {}: x'\n", ["word"; 16].join(" "), ["word"; 14].join(" ")),
    );
    let key = "k".repeat(129);
    check_emit(
        &format!(r#"{{"{key}":[1],"a\nb":{{"c":2}}}}"#),
        &format!("? |-\n  a\n  b\n: c: 2\n? {key}\n: - 1\n"),
    );
}

#[test]
fn raw_json_is_written_as_its_tree() {
    let mut out = Vec::new();
    encode(&Value::Raw(r#"{"b":1,"a":[2]}"#.into()), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "a:\n- 2\nb: 1\n");
}

proptest! {
    #[test]
    fn trees_survive_their_text(value in json::any_value()) {
        let mut out = Vec::new();
        encode(&value, &mut out);
        // Control characters and the like are escaped; what YAML itself changes are line breaks beyond `\n`.
        let text = String::from_utf8(out).unwrap();
        prop_assert_eq!(to_json(&text), to_json_text(&value), "{}", text);
    }

    #[test]
    fn any_text_is_decoded_or_refused(text in r#"[a-c:,\-\[\]{}&*!|>'"%@`? #\n\t0-9.~\\<]{0,60}"#) {
        let _ = decode_untyped(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = decode_untyped(&bytes);
    }
}

fn to_json_text(value: &Value) -> String {
    let mut out = Vec::new();
    json::encode_untyped(value, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn keys_that_have_no_order_are_written_all_the_same() {
    // Found by fuzzing: some of these keys come before each other in a circle.
    let text = concat!(
        "?:+:~+2+::!!!!::\n:-]]]]]]]]]]]]]]]]]]]]]]]]]]]]]:\n\r\r::\r:5/\t.:\n\r\rl-:::\r:**:\n-EE:JEE:",
        "\n:A\t1-5\t::\n:-:9007074:\n1555555555502153233344269993906:\n1555=:\n-EE:J5\t.:\n\r\r:::Y:-/=:",
        "\n-/=:\n-7074:\n15555555555021532333EE:JEE:A\t5\t1-5\t::\n:-:\n\r\rw::\r:5\t.:\n\r\r:::\r:-*EE:",
        "\n:A\t1-5\t.E:\n):.E:\n:A\t2::",
    );
    let value = decode_untyped(text.as_bytes()).unwrap().value;
    let mut written = Vec::new();
    encode(&value, &mut written);
    assert_eq!(decode_untyped(&written).unwrap().value, value);
}

#[test]
fn breaks_of_yaml_1_1_are_read_as_they_were() {
    for text in ["\u{2028}\n", "a\u{2029}\nb", "\u{85}\n\u{85}", "a\u{2028}b", "a\r\nb\r", "\u{2028}"] {
        let mut written = Vec::new();
        encode(&Value::from(text), &mut written);
        assert_eq!(decode_untyped(&written).unwrap().value, Value::from(text), "{text:?}");
    }
}
