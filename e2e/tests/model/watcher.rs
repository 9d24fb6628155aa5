//! A client that keeps a watch going: lists or asks for initial events, reconnects to any server from the last
//! version it was told, and starts anew after a 410.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::actor::{Actor, query};
use crate::http::{Client, Lines, Opened};
use crate::plan::Plan;
use crate::record::{Change, Event, Freshness, From, Record, Session, Span};
use crate::scenario::Servers;
use crate::selection::Selection;

pub(crate) struct Watcher {
    number: usize,
    pub(crate) selection: Selection,
    plan: Plan,
    record: Arc<Record>,
    servers: Servers,
    reader: Actor,
    /// The version that everything is known up to; `None` before the first state and after a 410.
    position: Option<u64>,
    done: bool,
}

impl Watcher {
    pub(crate) fn new(
        number: usize,
        selection: Selection,
        plan: Plan,
        record: Arc<Record>,
        servers: Servers,
    ) -> Watcher {
        let reader = Actor::new(format!("w{number}"), Arc::clone(&record), servers.clone());
        Watcher { number, selection, plan, record, servers, reader, position: None, done: false }
    }

    /// Goes on until it has seen the object that is meant for it.
    pub(crate) async fn run(mut self) {
        while !self.done {
            if self.plan.below(4) == 0 {
                // Long enough for its version to be compacted.
                tokio::time::sleep(Duration::from_millis(self.plan.below(1500))).await;
            }
            let from = match self.position {
                Some(version) => From::Version(version),
                None => match self.begin().await {
                    Some(from) if !self.done => from,
                    _ => continue,
                },
            };
            self.session(from).await;
        }
    }

    /// Gets a state by a list, or decides to get it from the watch.
    async fn begin(&mut self) -> Option<From> {
        let at = self.plan.below(6) as usize;
        let selection = self.selection.clone();
        let listed = match self.plan.below(10) {
            freshness @ 0..4 => {
                let freshness = if freshness < 2 { Freshness::Consistent } else { Freshness::Any };
                let page = self.reader.page(at, &selection, freshness, 0, None).await;
                page.revision.map(|version| (version, page.items))
            }
            4..6 => {
                let limit = 1 + self.plan.below(8) as usize;
                self.reader.pages(at, &selection, Freshness::Consistent, limit).await
            }
            6 => return Some(From::State(Freshness::Any)),
            7 => return Some(From::State(Freshness::NotOlderThan(self.record.latest()))),
            8 => return Some(From::State(Freshness::Consistent)),
            _ if self.plan.below(2) == 0 => return Some(From::Legacy(Freshness::Consistent)),
            _ => return Some(From::Legacy(Freshness::Any)),
        };
        let (version, items) = listed?;
        let end = self.number.to_string();
        self.done = items.iter().any(|item| self.record.facts(item.digest).fields.get("end") == Some(&end));
        Some(From::Version(version))
    }

    async fn session(&mut self, from: From) {
        let server = self.servers.choose(self.plan.below(6) as usize);
        let client = Client::connect(&self.servers.target(server)).await;
        let timeout = 1 + self.plan.below(4);
        // Some go away in the middle of things.
        let patience = match self.plan.below(2) {
            0 => Duration::from_millis(self.plan.below(700)),
            _ => Duration::from_secs(20),
        };
        let mut path = self.selection.path() + &format!("watch=true&timeoutSeconds={timeout}&");
        match from {
            From::Version(version) => {
                path += &format!("resourceVersion={version}");
                if self.plan.below(3) > 0 {
                    path += "&allowWatchBookmarks=true";
                }
            }
            From::State(freshness) => {
                path += "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
                path += &match freshness {
                    Freshness::NotOlderThan(version) => format!("&resourceVersion={version}"),
                    Freshness::Any => "&resourceVersion=0".to_owned(),
                    _ => String::new(),
                };
            }
            From::Legacy(freshness) => path += &query(freshness),
        }
        let begin = self.record.stamp();
        let opened = client.watch(&path).await;
        let mut session = Session {
            watcher: self.number,
            span: Span { begin, end: 0, server },
            selection: self.selection.clone(),
            from,
            events: Vec::new(),
            expired: false,
        };
        match opened {
            Opened::Stream(mut lines) => {
                let read = self.read(&mut lines, &mut session, &path);
                let _ = tokio::time::timeout(patience, read).await;
            }
            Opened::Refused(answer) if answer.code == 410 => session.expired = true,
            Opened::Refused(answer) => {
                self.record.fault(format!("GET {path}: {} {}", answer.code, answer.body));
                // The fault stands; without end it would come again.
                self.done = true;
            }
        }
        session.span.end = self.record.stamp();
        self.note_position(&session);
        self.record.sessions.lock().push(session);
    }

    async fn read(&mut self, lines: &mut Lines, session: &mut Session, path: &str) {
        while let Some(line) = lines.next().await {
            let object = &line["object"];
            let change = match line["type"].as_str().unwrap_or_default() {
                "ADDED" => Change::Added,
                "MODIFIED" => Change::Modified,
                "DELETED" => Change::Deleted,
                "BOOKMARK" => {
                    session.events.push(bookmark(object));
                    continue;
                }
                "ERROR" if object["code"] == 410 => {
                    session.expired = true;
                    return;
                }
                _ => {
                    self.record.fault(format!("GET {path}: {line}"));
                    return;
                }
            };
            let item = self.record.item(self.selection.kind, object);
            session.events.push(Event::Object(change, item));
            let end = object["metadata"]["annotations"]["end"].as_str();
            if end.is_some_and(|end| end == self.number.to_string()) {
                self.done = true;
                return;
            }
        }
    }

    fn note_position(&mut self, session: &Session) {
        if session.expired {
            self.position = None;
            return;
        }
        let (mut position, mut exact) = match session.from {
            From::Version(version) => (version, true),
            From::State(_) | From::Legacy(_) => (0, false),
        };
        for event in &session.events {
            match event {
                Event::Object(_, item) => position = position.max(item.revision),
                Event::Bookmark { revision, ends_initial_events } => {
                    position = position.max(*revision);
                    exact |= ends_initial_events;
                }
            }
        }
        // Without the mark nobody knows whether the state was whole.
        self.position = exact.then_some(position);
    }
}

fn bookmark(object: &Value) -> Event {
    let ends_initial_events = object["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true";
    Event::Bookmark { revision: crate::actor::version(object), ends_initial_events }
}
