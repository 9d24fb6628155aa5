//! Any path and query are a request or are refused, with the options of every verb.
#![no_main]

use http::{Method, Uri};
use keelson::request::{
    DeleteParameters, IncludeObject, ListParameters, Query, RequestInfo, WriteKind, WriteParameters,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str)| {
    let (method, target) = input;
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD];
    let method = &methods[usize::from(method) % methods.len()];
    let Ok(uri) = target.parse::<Uri>() else { return };
    if let Ok(info) = RequestInfo::parse(method, &uri) {
        assert!(info.parts.len() <= uri.path().split('/').count());
        let _ = info.verb_in_path();
    }
    let query = Query::parse(uri.query());
    if let Ok(list) = ListParameters::parse(&query) {
        // What was read is known to be good.
        assert!(selectors_parse(&list));
    }
    for kind in [WriteKind::Create, WriteKind::Update, WriteKind::Patch, WriteKind::Apply] {
        let _ = WriteParameters::parse(&query, kind);
    }
    if let Ok(delete) = DeleteParameters::parse(&query) {
        let _ = delete.validate();
    }
    let _ = IncludeObject::parse(&query);
});

fn selectors_parse(list: &ListParameters) -> bool {
    use keelson_apimachinery::selector::{fields, labels};
    labels::parse(&list.label_selector).is_ok() && fields::parse(&list.field_selector).is_ok()
}
