//! The `kube-apiserver` command: reads its flags, runs a server, says in one line a fault what is wrong.

use std::process::ExitCode;

use keelson::options::{self, Environment, Outcome};
use keelson::server::config::Config;
use keelson::{server, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1), &Environment::of_process()) {
        Ok(Outcome::Print(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Outcome::Run(config)) => run(*config),
        Err(errors) => {
            for error in errors {
                eprintln!("{error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> ExitCode {
    if let Err(error) = telemetry::start_logs(config.logging) {
        eprintln!("logs: {error}");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("can't start threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(server::run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
