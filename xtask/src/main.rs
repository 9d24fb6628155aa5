//! Tasks of the workspace that are no part of the product. Run as `cargo xtask TASK`.

mod facts;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the workspace that are no part of the product")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write the fact tables of the built-in kinds from a Kubernetes source tree.
    Facts {
        /// The root of a Kubernetes source tree (the directory that holds `staging` and `api`).
        #[arg(long, value_name = "DIR")]
        kubernetes: PathBuf,
        /// A directory with `aggregated-api.json` and `aggregated-apis.json`: the aggregated discovery of
        /// `/api` and `/apis` as a server with default flags answers it. Without it, the tree's
        /// `api/discovery` is read, less the versions that are off by default.
        #[arg(long, value_name = "DIR")]
        discovery: Option<PathBuf>,
        /// Where the tables go; other `.json` files there are removed.
        #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/api/schema"))]
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    let Arguments { task } = Arguments::parse();
    let result = match task {
        Task::Facts { kubernetes, discovery, out } => facts::run(&kubernetes, discovery.as_deref(), &out),
    };
    match result {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
