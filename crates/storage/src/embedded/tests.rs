//! Tests of what only the embedded store promises: its directory, its files, its memory.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;

use super::{Embedded, OpenError, Options};
use crate::{Error, Event, ListRange, Storage};

mod crash_free {}
