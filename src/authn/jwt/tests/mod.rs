//! Issuers that answer on this machine, and their tokens.

mod mapping;
mod provider;
mod reload;
mod tokens;
mod validation;

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keelson_base::clock;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::testing::{CLIENT, Key, RSA, TestIssuer, configuration, host, key_set, now, signed};
use super::*;
use crate::outbound::testing::{Peer, Reply};

const API: &str = "https://api";

fn parsed(config: &Value) -> AuthenticationConfiguration {
    AuthenticationConfiguration::parse(config.to_string().as_bytes()).expect("a configuration")
}

/// Authenticators that run, with the file that configures them.
struct Running {
    started: Started,
    file: PathBuf,
    end: Shutdown,
    tasks: TaskGroup,
    registry: Registry,
    _directory: tempfile::TempDir,
}

fn surroundings() -> Surroundings {
    Surroundings {
        disallowed_issuers: vec!["https://accounts".to_owned()],
        anonymous_is_given: false,
        api_audiences: vec![API.to_owned(), "other".to_owned()],
        server: "apiserver-test".to_owned(),
        tasks: TaskGroup::new(),
        end: Shutdown::new(),
    }
}

impl Running {
    async fn start(config: &Value) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("authentication.yaml");
        std::fs::write(&file, config.to_string()).expect("written");
        let (surroundings, registry) = (surroundings(), Registry::new());
        let (tasks, end) = (surroundings.tasks.clone(), surroundings.end.clone());
        let started = start(&Source::File(file.clone()), surroundings, &registry);
        let started = started.expect("a good configuration").expect("authenticators");
        let running = Running { started, file, end, tasks, registry, _directory: directory };
        running.ready().await;
        running
    }

    async fn ready(&self) {
        let generation = self.started.authenticators.current.load_full();
        let all = join_all(generation.issuers.iter().map(|one| one.provider().ready()));
        tokio::time::timeout(Duration::from_secs(30), all).await.expect("discovered in time");
    }

    async fn judge(&self, token: &str) -> Result<Option<Believed>, String> {
        self.started.authenticators.judge(token, &[API.to_owned()]).await
    }

    /// The user's name and groups, or why there is none.
    async fn judged(&self, token: &str) -> String {
        match self.judge(token).await {
            Ok(Some(believed)) => {
                format!("{} {}", believed.user.name, believed.user.groups.join(","))
            }
            Ok(None) => "nobody's".to_owned(),
            Err(why) => why,
        }
    }

    async fn stop(self) {
        self.end.begin();
        drop(self.started);
        self.tasks.wait(Duration::from_secs(20)).await.expect("all ended");
    }
}

/// All errors as one text.
fn validation_text(errors: &[FieldError]) -> String {
    super::validation::joined(errors)
}
