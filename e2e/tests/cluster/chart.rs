//! The chart of this product, in a cluster that this product serves.

use crate::world::World;

pub(crate) fn the_chart_is_installed_upgraded_and_removed(_world: &World) {}
