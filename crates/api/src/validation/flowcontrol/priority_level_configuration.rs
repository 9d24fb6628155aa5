//! PriorityLevelConfiguration.

use keelson_apimachinery::{Map, Value};

use super::super::shared::names;
use super::super::shared::numbers::int;
use super::super::shared::render::{Shape, render};
use super::super::{Errors, Node, Rules, same};
use super::{GROUP, conditions, mandatory, update_status};

pub(super) const RULES: Rules =
    Rules::new(GROUP, "prioritylevelconfigurations", check, |object, _, errors| check(object, errors))
        .subresources(&[("status", update_status)])
        .lenient_metadata(&["", "status"]);

const MAX_QUEUES: i64 = 10_000_000;

/// How many bits a flow's hash has, of which the queues of a hand are dealt.
const MAX_HASH_BITS: i64 = 60;

/// What the version v1beta3 kept a zero with.
const PRESERVE_ZERO: &str = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";

const SPEC: Shape = Shape::Struct(&[
    ("type", "Type", Shape::Text),
    (
        "limited",
        "Limited",
        Shape::Pointer(&Shape::Struct(&[
            ("nominalConcurrencyShares", "NominalConcurrencyShares", Shape::Int),
            (
                "limitResponse",
                "LimitResponse",
                Shape::Struct(&[
                    ("type", "Type", Shape::Text),
                    (
                        "queuing",
                        "Queuing",
                        Shape::Pointer(&Shape::Struct(&[
                            ("queues", "Queues", Shape::Int),
                            ("handSize", "HandSize", Shape::Int),
                            ("queueLengthLimit", "QueueLengthLimit", Shape::Int),
                        ])),
                    ),
                ]),
            ),
            ("lendablePercent", "LendablePercent", Shape::Json),
            ("borrowingLimitPercent", "BorrowingLimitPercent", Shape::Json),
        ])),
    ),
    (
        "exempt",
        "Exempt",
        Shape::Pointer(&Shape::Struct(&[
            ("nominalConcurrencyShares", "NominalConcurrencyShares", Shape::Json),
            ("lendablePercent", "LendablePercent", Shape::Json),
        ])),
    ),
]);

fn check(object: &Node<'_>, errors: &mut Errors) {
    let (metadata, spec) = (object.child("metadata"), object.child("spec"));
    let annotations = metadata.child("annotations");
    if annotations.key(PRESERVE_ZERO).is_set() {
        errors.push(annotations.forbidden(format!("annotation '{PRESERVE_ZERO}' is forbidden")));
    }
    let name = metadata.child("name").text();
    check_spec(name, &spec, errors);
    if let Some(fixed) = mandatory::priority_level(name) {
        check_fixed(name, &spec, &fixed, errors);
    }
    conditions(&object.child("status").child("conditions"), errors);
}

fn check_fixed(name: &str, spec: &Node<'_>, fixed: &Value, errors: &mut Errors) {
    let (equal, except) = if name == "exempt" {
        let rest: Map = spec
            .object()
            .into_iter()
            .flat_map(Map::iter)
            .filter(|(key, _)| *key != "exempt")
            .map(|(key, value)| (key.into(), value.clone()))
            .collect();
        (same(Some(&Value::Object(rest)), Some(fixed)), " except the 'spec.exempt' field")
    } else {
        (same(spec.value(), Some(fixed)), "")
    };
    if !equal {
        let why = format!("spec of '{name}'{except} must equal the fixed value");
        errors.push(render(spec, &SPEC).invalid(why));
    }
}

fn check_spec(name: &str, spec: &Node<'_>, errors: &mut Errors) {
    let kind = spec.child("type");
    let (limited, exempt) = (spec.child("limited"), spec.child("exempt"));
    if (name == "exempt") != (kind.text() == "Exempt") {
        let why = "must be 'Exempt' if and only if `name` is 'exempt'";
        errors.push(kind.invalid_text(kind.text(), why));
    }
    match kind.text() {
        "Exempt" => {
            if limited.is_set() {
                errors.push(limited.forbidden("must be nil if the type is not Limited"));
            }
            shares(&exempt, errors);
            lendable(&exempt, errors);
        }
        "Limited" => {
            if exempt.is_set() {
                errors.push(exempt.forbidden("must be nil if the type is Limited"));
            }
            if limited.is_set() {
                check_limited(&limited, errors);
            } else {
                errors.push(limited.required("must not be empty when type is Limited"));
            }
        }
        _ => errors.push(kind.not_supported(&["Exempt", "Limited"])),
    }
}

fn shares(of: &Node<'_>, errors: &mut Errors) {
    let shares = of.child("nominalConcurrencyShares");
    if int(&shares) < 0 {
        errors.push(shares.invalid("must be a non-negative integer"));
    }
}

fn lendable(of: &Node<'_>, errors: &mut Errors) {
    let percent = of.child("lendablePercent");
    if percent.int().is_some_and(|percent| !(0..=100).contains(&percent)) {
        errors.push(percent.invalid("must be between 0 and 100, inclusive"));
    }
}

fn check_limited(limited: &Node<'_>, errors: &mut Errors) {
    shares(limited, errors);
    let response = limited.child("limitResponse");
    let (kind, queuing) = (response.child("type"), response.child("queuing"));
    match kind.text() {
        "Reject" if queuing.is_set() => {
            errors.push(queuing.forbidden("must be nil if limited.limitResponse.type is not Limited"));
        }
        "Queue" if !queuing.is_set() => {
            errors.push(queuing.required("must not be empty if limited.limitResponse.type is Limited"));
        }
        "Queue" => check_queuing(&queuing, errors),
        _ => names::one_of(&kind, &["Queue", "Reject"], errors),
    }
    lendable(limited, errors);
    let borrowing = limited.child("borrowingLimitPercent");
    if borrowing.int().is_some_and(|percent| percent < 0) {
        errors.push(borrowing.invalid("if specified, must be a non-negative integer"));
    }
}

fn check_queuing(queuing: &Node<'_>, errors: &mut Errors) {
    let [length, queues, hand] = ["queueLengthLimit", "queues", "handSize"].map(|name| queuing.child(name));
    let positive = |node: &Node<'_>, errors: &mut Errors| {
        let fine = int(node) > 0;
        if !fine {
            errors.push(render(node, &Shape::Int).invalid("must be positive"));
        }
        fine
    };
    positive(&length, errors);
    if positive(&queues, errors) && int(&queues) > MAX_QUEUES {
        errors.push(queues.invalid(format!("must not be greater than {MAX_QUEUES}")));
    }
    if !positive(&hand, errors) {
        return;
    }
    let (deck, dealt) = (int(&queues), int(&hand));
    if dealt > deck {
        errors.push(hand.invalid(format!("should not be greater than queues ({deck})")));
    } else if entropy_bits(deck, dealt) > MAX_HASH_BITS {
        errors.push(hand.invalid(format!(
            "required entropy bits of deckSize {deck} and handSize {dealt} should not be greater than \
             {MAX_HASH_BITS}"
        )));
    }
}

/// How many bits it takes to deal a hand from a deck.
fn entropy_bits(deck: i64, hand: i64) -> i64 {
    ((deck as f64).log2() * hand as f64).ceil() as i64
}
