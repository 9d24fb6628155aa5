//! A client that writes and reads, and notes what it was answered.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::http::{Answer, Client};
use crate::plan::{AsOf, Op, Patch, Step, Tier};
use crate::record::{Effect, Freshness, GetCall, Item, ListCall, Listed, Record, Span, WriteCall};
use crate::scenario::Servers;
use crate::selection::{Key, Kind, Selection};

const JSON: &str = "application/json";

/// A client with a connection to each server that it has asked.
pub(crate) struct Actor {
    name: String,
    record: Arc<Record>,
    servers: Servers,
    clients: HashMap<usize, Client>,
    /// Makes each write another.
    writes: u64,
}

impl Actor {
    pub(crate) fn new(name: String, record: Arc<Record>, servers: Servers) -> Actor {
        Actor { name, record, servers, clients: HashMap::new(), writes: 0 }
    }

    pub(crate) async fn perform(&mut self, step: &Step) {
        tokio::time::sleep(step.pause).await;
        let at = step.server;
        match &step.op {
            Op::Create { key, tier, node, padding } => {
                let field = self.field("f");
                self.create(at, key, field, *tier, node, *padding).await;
            }
            Op::Update { key, tier } => self.update(at, key, *tier).await,
            Op::Overwrite { key, tier } => self.overwrite(at, key, *tier).await,
            Op::Patch { key, patch, tier } => self.patch(at, key, *patch, *tier).await,
            Op::Apply { key } => self.apply(at, key).await,
            Op::Bind { key, node } => self.bind(at, key, node).await,
            Op::Delete { key, guarded } => {
                let based_on = match guarded {
                    true => self.get(at, key, Freshness::Consistent).await.map(|o| version(&o)),
                    false => None,
                };
                self.delete(at, key, based_on).await;
            }
            Op::Get { key, as_of } => {
                let freshness = self.freshness(*as_of);
                self.get(at, key, freshness).await;
            }
            Op::List { selection, as_of } => {
                let freshness = self.freshness(*as_of);
                self.page(at, selection, freshness, 0, None).await;
            }
            Op::Pages { selection, limit, as_of } => {
                let freshness = self.freshness(*as_of);
                self.pages(at, selection, freshness, *limit).await;
            }
        }
    }

    /// Makes an object that the selection selects, with the field `end` of this value.
    pub(crate) async fn make_example(&mut self, selection: &Selection, name: &str, end: &str) {
        let (key, tier, node) = selection.example(name);
        let current = self.get(0, &key, Freshness::Consistent).await;
        if current.is_some() {
            self.delete(0, &key, None).await;
        }
        self.create(0, &key, ("end".to_owned(), end.to_owned()), tier, node, 0).await;
    }

    async fn create(
        &mut self,
        at: usize,
        key: &Key,
        field: (String, String),
        tier: Option<&str>,
        node: &str,
        padding: usize,
    ) {
        let body = object(key, &field, tier, node, padding);
        let effect = Effect::Create { field, tier: tier.map(str::to_owned), node: node.to_owned() };
        let path = key.kind.path(Some(&key.namespace));
        self.write(at, "POST", &path, JSON, body, key, effect).await;
    }

    async fn update(&mut self, at: usize, key: &Key, tier: Tier) {
        let Some(mut body) = self.get(at, key, Freshness::Consistent).await else { return };
        let field = self.field("f");
        body["metadata"]["annotations"][&field.0] = json!(field.1);
        match tier {
            Some(Some(tier)) => body["metadata"]["labels"]["tier"] = json!(tier),
            Some(None) => {
                if let Some(labels) = body["metadata"]["labels"].as_object_mut() {
                    labels.remove("tier");
                }
            }
            None => {}
        }
        let effect = Effect::Set { field, tier: owned(tier), based_on: Some(version(&body)) };
        self.write(at + 1, "PUT", &key.path(), JSON, body, key, effect).await;
    }

    async fn overwrite(&mut self, at: usize, key: &Key, tier: Option<&'static str>) {
        let field = self.field("f");
        let body = object(key, &field, tier, "", 0);
        let effect = Effect::Overwrite { field, tier: tier.map(str::to_owned) };
        self.write(at, "PUT", &key.path(), JSON, body, key, effect).await;
    }

    async fn patch(&mut self, at: usize, key: &Key, patch: Patch, tier: Tier) {
        let field = self.field("f");
        let mut body = json!({"metadata": {"annotations": {&field.0: field.1}}});
        if let Some(tier) = tier {
            body["metadata"]["labels"] = json!({"tier": tier});
        }
        let (kind, body, tier) = match patch {
            Patch::Merge => ("application/merge-patch+json", body, tier),
            Patch::Strategic => ("application/strategic-merge-patch+json", body, tier),
            Patch::Json => {
                let path = format!("/metadata/annotations/{}", field.0);
                let body = json!([{"op": "add", "path": path, "value": field.1}]);
                ("application/json-patch+json", body, None)
            }
        };
        let effect = Effect::Set { field, tier: owned(tier), based_on: None };
        self.write(at, "PATCH", &key.path(), kind, body, key, effect).await;
    }

    async fn apply(&mut self, at: usize, key: &Key) {
        let field = self.field("a");
        let mut body = object(key, &field, None, "", 0);
        // Else the blank data of the configuration would be this client's.
        body.as_object_mut().expect("it is an object").remove("data");
        let path = format!("{}?fieldManager={}&force=true", key.path(), self.name);
        let effect = Effect::Apply { field };
        self.write(at, "PATCH", &path, "application/apply-patch+yaml", body, key, effect).await;
    }

    async fn bind(&mut self, at: usize, key: &Key, node: &str) {
        let target = json!({"apiVersion": "v1", "kind": "Node", "name": node});
        let body = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": key.name}, "target": target,
        });
        let path = format!("{}/binding", key.path());
        let effect = Effect::Bind { node: node.to_owned() };
        self.write(at, "POST", &path, JSON, body, key, effect).await;
    }

    async fn delete(&mut self, at: usize, key: &Key, based_on: Option<u64>) {
        let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0});
        if let Some(version) = based_on {
            body["preconditions"] = json!({"resourceVersion": version.to_string()});
        }
        self.write(at + 1, "DELETE", &key.path(), JSON, body, key, Effect::Delete { based_on }).await;
    }

    #[allow(clippy::too_many_arguments, reason = "a request is that many things")]
    async fn write(
        &mut self,
        at: usize,
        method: &str,
        path: &str,
        kind: &str,
        body: Value,
        key: &Key,
        effect: Effect,
    ) {
        let (span, answer) = self.call(at, method, path, kind, Some(&body)).await;
        let is_object = answer.body["kind"] == key.kind.name();
        let written = is_object.then(|| self.record.item(key.kind, &answer.body));
        let reason = answer.body["reason"].as_str().unwrap_or_default().to_owned();
        if !matches!(answer.code, 200 | 201 | 404 | 409) {
            self.record.fault(format!("{method} {path} {body}: {} {}", answer.code, answer.body));
        }
        let call = WriteCall { span, key: key.clone(), effect, code: answer.code, reason, written };
        self.record.writes.lock().push(call);
    }

    /// Reads an object.
    async fn get(&mut self, at: usize, key: &Key, freshness: Freshness) -> Option<Value> {
        let path = format!("{}?{}", key.path(), query(freshness));
        let (span, answer) = self.call(at, "GET", &path, "", None).await;
        let item = (answer.code == 200).then(|| self.record.item(key.kind, &answer.body));
        if !matches!(answer.code, 200 | 404) {
            self.record.fault(format!("GET {path}: {} {}", answer.code, answer.body));
        }
        self.record.gets.lock().push(GetCall { span, key: key.clone(), freshness, item });
        (answer.code == 200).then_some(answer.body)
    }

    /// Reads a list page by page, each from another server.
    pub(crate) async fn pages(
        &mut self,
        at: usize,
        selection: &Selection,
        freshness: Freshness,
        limit: usize,
    ) -> Option<(u64, Vec<Item>)> {
        let mut at = at;
        let mut page = self.page(at, selection, freshness, limit, None).await;
        let mut all = Vec::new();
        loop {
            let Page { revision, items, token } = page;
            let first = revision?;
            all.extend(items);
            let (Some(token), Some(last)) = (token, all.last().map(|item: &Item| item.key.clone())) else {
                return Some((first, all));
            };
            at += 1;
            page = self.page(at, selection, Freshness::Exact(first), limit, Some((&token, &last))).await;
            if page.revision.is_none() {
                // The version is gone: the rest as it is now, which is of no use to a watch.
                if let Some(token) = page.token.take() {
                    let rest = Freshness::Consistent;
                    self.page(at, selection, rest, 0, Some((&token, &last))).await;
                }
                return None;
            }
        }
    }

    /// Reads a list or a page of one: its version, `None` where that is gone, its items, and the token of
    /// the next page.
    pub(crate) async fn page(
        &mut self,
        at: usize,
        selection: &Selection,
        freshness: Freshness,
        limit: usize,
        after: Option<(&str, &Key)>,
    ) -> Page {
        let mut path = selection.path();
        if limit > 0 {
            path += &format!("limit={limit}&");
        }
        match after {
            // The token alone says which version is shown.
            Some((token, _)) => path += &format!("continue={token}"),
            None => path += &query(freshness),
        }
        let (span, answer) = self.call(at, "GET", &path, "", None).await;
        let metadata = &answer.body["metadata"];
        let token = metadata["continue"].as_str().filter(|t| !t.is_empty()).map(str::to_owned);
        let (page, listed) = match answer.code {
            200 => {
                let list = answer.body["items"].as_array().into_iter().flatten();
                let items: Vec<Item> = list.map(|o| self.record.item(selection.kind, o)).collect();
                let revision = version(&answer.body);
                self.record.saw(revision);
                let listed = Listed::Page { revision, items: items.clone(), more: token.is_some() };
                (Page { revision: Some(revision), items, token }, listed)
            }
            410 => (Page { revision: None, items: Vec::new(), token }, Listed::Expired),
            code => {
                self.record.fault(format!("GET {path}: {code} {}", answer.body));
                return Page { revision: None, items: Vec::new(), token: None };
            }
        };
        self.record.lists.lock().push(ListCall {
            span,
            selection: selection.clone(),
            freshness,
            behind: after.map(|(_, key)| key.clone()),
            limit,
            answer: listed,
        });
        page
    }

    async fn call(
        &mut self,
        at: usize,
        method: &str,
        path: &str,
        kind: &str,
        body: Option<&Value>,
    ) -> (Span, Answer) {
        let server = self.servers.choose(at);
        if !self.clients.contains_key(&server) {
            let client = Client::connect(&self.servers.target(server)).await;
            self.clients.insert(server, client);
        }
        let begin = self.record.stamp();
        let answer = self.clients[&server].send(method, path, kind, body).await;
        let end = self.record.stamp();
        (Span { begin, end, server }, answer)
    }

    fn freshness(&self, as_of: AsOf) -> Freshness {
        match as_of {
            AsOf::Now => Freshness::Consistent,
            AsOf::Any => Freshness::Any,
            AsOf::NotOlderThan { back } => Freshness::NotOlderThan(self.record.earlier(back)),
            AsOf::Exactly { back } => Freshness::Exact(self.record.earlier(back)),
        }
    }

    /// A field of this client's own with a value that it has not had.
    fn field(&mut self, prefix: &str) -> (String, String) {
        self.writes += 1;
        (format!("{prefix}.{}", self.name), self.writes.to_string())
    }
}

/// A page as it was answered.
pub(crate) struct Page {
    pub(crate) revision: Option<u64>,
    pub(crate) items: Vec<Item>,
    pub(crate) token: Option<String>,
}

/// The query that asks for a state.
pub(crate) fn query(freshness: Freshness) -> String {
    match freshness {
        Freshness::Consistent => String::new(),
        Freshness::Any => "resourceVersion=0".to_owned(),
        Freshness::NotOlderThan(version) => {
            format!("resourceVersion={version}&resourceVersionMatch=NotOlderThan")
        }
        Freshness::Exact(version) => format!("resourceVersion={version}&resourceVersionMatch=Exact"),
    }
}

pub(crate) fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|v| v.parse().ok()).unwrap_or(0)
}

fn owned(tier: Tier) -> Option<Option<String>> {
    tier.map(|tier| tier.map(str::to_owned))
}

fn object(key: &Key, field: &(String, String), tier: Option<&str>, node: &str, padding: usize) -> Value {
    let mut metadata = json!({
        "name": key.name, "namespace": key.namespace, "annotations": {&field.0: field.1},
    });
    if let Some(tier) = tier {
        metadata["labels"] = json!({"tier": tier});
    }
    match key.kind {
        Kind::ConfigMap => json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
            "data": {"padding": "x".repeat(padding)},
        }),
        Kind::Pod => {
            let mut spec = json!({
                "containers": [{"name": "main", "image": "registry.example/model:1"}],
                "automountServiceAccountToken": false,
            });
            if !node.is_empty() {
                spec["nodeName"] = json!(node);
            }
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        }
    }
}
