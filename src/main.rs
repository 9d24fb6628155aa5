//! The `kube-apiserver` command: reads its flags, runs a server, says in one line a fault what is wrong.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use keelson::options::{self, Environment, Outcome};
use keelson::server::config::Config;
use keelson::{server, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long blocking work may go on behind a server that has ended.
const LINGER: Duration = Duration::from_secs(5);

/// How long the end waits for whoever reads the logs.
const LAST_LINES: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // Huge pages round everything up to 2 MiB, which is more than a small cluster's objects take. A kernel that
    // has none refuses, and there is nothing to refuse then.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    match options::parse(std::env::args_os().skip(1), &Environment::of_process()) {
        Ok(Outcome::Print(text)) => {
            // Whoever closed the pipe has read enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Ok(Outcome::Run(config)) => run(*config),
        Err(errors) => {
            for error in errors {
                complain(&error);
            }
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> ExitCode {
    if let Err(error) = telemetry::start_logs(&config.logging) {
        complain(&format_args!("logs: {error}"));
        return ExitCode::FAILURE;
    }
    telemetry::log_panics();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format_args!("can't start threads: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(server::run(config));
    runtime.shutdown_timeout(LINGER);
    telemetry::flush_logs(LAST_LINES);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// A line on standard error, if somebody still listens.
fn complain(what: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "{what}");
}
