//! ServiceCIDR.

use keelson_apimachinery::content::ip::{Cidr, strict_cidr};

use super::super::shared::immutable::IMMUTABLE;
use super::super::shared::render::{Shape, render};
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new(super::GROUP, "servicecidrs", create, update);

const SPEC: Shape = Shape::Struct(&[("cidrs", "CIDRs", Shape::Json)]);

fn create(object: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    let cidrs = spec.child("cidrs");
    match cidrs.len() {
        0 => errors.push(cidrs.required("at least one CIDR required")),
        1 | 2 => {
            for cidr in cidrs.items() {
                errors.extend(strict_cidr(cidr.text()).map(|why| cidr.invalid(why)));
            }
            let family = |i: usize| Cidr::parse_sloppy(cidrs.index(i).text()).map(|cidr| cidr.is_ipv6());
            if cidrs.len() == 2 && family(0).is_some() && family(0) == family(1) {
                errors.push(cidrs.invalid(
                    "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64",
                ));
            }
        }
        _ => {
            let shown = render(&cidrs.with(spec.value()), &SPEC);
            errors.push(shown.invalid("may only hold up to 2 values"));
        }
    }
}

/// CIDRs stay; a second one may be added to the first.
fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (spec, before) = (object.child("spec"), old.child("spec"));
    let (cidrs, before) = (spec.child("cidrs"), before.child("cidrs"));
    let mut fixed = |i: usize| {
        let cidr = cidrs.index(i);
        if cidr.text() != before.index(i).text() {
            errors.push(cidr.invalid(IMMUTABLE));
        }
    };
    match (before.len(), cidrs.len()) {
        (then, now) if then == now => (0..now).for_each(fixed),
        (1, 2) => {
            fixed(0);
            create(object, errors);
        }
        _ => errors.push(cidrs.invalid(IMMUTABLE)),
    }
}
