//! Which variant, which of its fleets, and which of the fleet's instances.
//!
//! Why: a variant gets the share that its weight gives it, and while one deployment follows another each fleet of the
//! variant gets its own share of that; inside a fleet, the instance with the fewest requests in flight answers
//! soonest, whatever the requests cost.
//! Invariants: a variant of weight 0 is found by name only, unless every weight is 0. A fleet without a share gets a
//! request only when no other of its variant can take it. Pure but for the counts.

use std::sync::Arc;

use hostler_shapes::RoutingStrategy;
use hostler_types::InstanceId;

use crate::lane::{Lane, Permit};
use crate::line::Aim;
use crate::table::{LiveEndpoint, LiveVariant};

/// The fleet for a draw from 0 (included) to 1 (excluded), by the weights of the variants.
pub(crate) fn by_weight(fleets: &[LiveVariant], draw: f64) -> Option<&LiveVariant> {
    let weighted = draw_from(fleets.iter(), |fleet| fleet.weight * fleet.share, draw);
    weighted.or_else(|| draw_from(fleets.iter(), |fleet| fleet.share, draw))
}

/// The fleet of the variant with that name, by their shares; none when nobody bears the name, or is only leaving.
pub(crate) fn by_name<'a>(endpoint: &'a LiveEndpoint, name: &'a str, draw: f64) -> Option<&'a LiveVariant> {
    draw_from(of_name(endpoint, name), |fleet| fleet.share, draw)
}

/// The other fleets of a fleet's variant.
pub(crate) fn twins<'a>(
    endpoint: &'a LiveEndpoint,
    fleet: &'a LiveVariant,
) -> impl Iterator<Item = &'a LiveVariant> {
    of_name(endpoint, fleet.name.as_str()).filter(move |twin| !std::ptr::eq(*twin, fleet))
}

/// Fleets of the other deployment while one follows another: a variant may have another name there.
pub(crate) fn others<'a>(
    endpoint: &'a LiveEndpoint,
    fleet: &'a LiveVariant,
) -> impl Iterator<Item = &'a LiveVariant> {
    let shares = |other: &&LiveVariant| other.share < 1.0 && other.name != fleet.name;
    endpoint.variants.iter().filter(shares)
}

fn of_name<'a>(endpoint: &'a LiveEndpoint, name: &'a str) -> impl Iterator<Item = &'a LiveVariant> + Clone {
    endpoint.variants.iter().filter(move |fleet| fleet.name.as_str() == name)
}

/// One of these, each as likely as its part of the whole; none when all parts are nothing.
fn draw_from<'a>(
    fleets: impl Iterator<Item = &'a LiveVariant> + Clone,
    part: impl Fn(&LiveVariant) -> f64,
    draw: f64,
) -> Option<&'a LiveVariant> {
    let total: f64 = fleets.clone().map(&part).sum();
    let mut left = draw * total;
    let mut last = None;
    for fleet in fleets {
        let part = part(fleet);
        if part <= 0.0 {
            continue;
        }
        if left < part {
            return Some(fleet);
        }
        left -= part;
        // Rounding may leave a crumb past the last one.
        last = Some(fleet);
    }
    last
}

/// A place for what is aimed at.
pub(crate) fn place(endpoint: &LiveEndpoint, aim: &Aim, tried: &[InstanceId], draw: f64) -> Option<Permit> {
    match aim {
        Aim::Drawn(name) | Aim::Named(name) => {
            let fleet = by_name(endpoint, name.as_str(), draw)?;
            place_from(endpoint, fleet, matches!(aim, Aim::Named(_)), &Wanted { tried, model: None })
        }
        Aim::Instance(id) => endpoint.lanes().find(|lane| lane.id == *id)?.enter_alone(),
    }
}

/// Which instance is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// None of these.
    pub(crate) tried: &'a [InstanceId],
    /// Rather one that has this one of its many models loaded.
    pub(crate) model: Option<&'a str>,
}

/// A place in this fleet, or in one that may stand in for it.
pub(crate) fn place_from(
    endpoint: &LiveEndpoint,
    fleet: &LiveVariant,
    is_named: bool,
    wanted: &Wanted<'_>,
) -> Option<Permit> {
    let beside =
        || stand_ins(endpoint, fleet, is_named).find_map(|other| one_of(other, wanted, rand::random()));
    one_of(fleet, wanted, rand::random()).or_else(beside)
}

/// Whether a lane's place will do for what is aimed at.
pub(crate) fn may_go(endpoint: &LiveEndpoint, aim: &Aim, lane: &Arc<Lane>) -> bool {
    let has_lane = |fleet: &LiveVariant| fleet.lanes.iter().any(|other| Arc::ptr_eq(other, lane));
    match aim {
        Aim::Instance(id) => lane.id == *id,
        Aim::Drawn(name) | Aim::Named(name) => {
            let is_named = matches!(aim, Aim::Named(_));
            of_name(endpoint, name.as_str())
                .filter(|fleet| fleet.share > 0.0)
                .any(|fleet| has_lane(fleet) || stand_ins(endpoint, fleet, is_named).any(has_lane))
        }
    }
}

/// What a request that waits aims at under a new route; none when there is no such thing any more.
pub(crate) fn aim_after(endpoint: &LiveEndpoint, aim: Aim, draw: f64) -> Option<Aim> {
    match &aim {
        Aim::Drawn(name) => {
            let fleets = &endpoint.variants;
            let is_drawn = |fleet: &LiveVariant| fleet.name == *name && fleet.share > 0.0;
            let has_weight = fleets.iter().any(|fleet| fleet.weight * fleet.share > 0.0);
            if fleets.iter().any(|fleet| is_drawn(fleet) && (fleet.weight > 0.0 || !has_weight)) {
                return Some(aim);
            }
            by_weight(fleets, draw).map(|fleet| Aim::Drawn(fleet.name.clone()))
        }
        Aim::Named(name) => by_name(endpoint, name.as_str(), draw).is_some().then_some(aim),
        Aim::Instance(id) => {
            let is_there = endpoint.lanes().any(|lane| lane.id == *id && !lane.is_draining());
            is_there.then_some(aim)
        }
    }
}

/// The fleets that may answer in the stead of one: its twins and, for who names no variant, those of the other
/// deployment. One without a share only while the fleet has nobody who is up: to be full is no reason to begin an
/// update's next step.
fn stand_ins<'a>(
    endpoint: &'a LiveEndpoint,
    fleet: &'a LiveVariant,
    is_named: bool,
) -> impl Iterator<Item = &'a LiveVariant> {
    let elsewhere = (!is_named).then(|| others(endpoint, fleet)).into_iter().flatten();
    twins(endpoint, fleet).chain(elsewhere).filter(|other| other.share > 0.0 || !fleet.is_up())
}

/// A place at an instance that has not been tried: the least busy one, where the config does not ask for any; `draw`
/// decides between equals.
pub(crate) fn one_of(variant: &LiveVariant, wanted: &Wanted<'_>, draw: f64) -> Option<Permit> {
    // One that drains would hand its chances to whoever stands behind it.
    let may_take = |lane: &&Arc<Lane>| lane.is_up() && !wanted.tried.contains(&lane.id);
    // Most fleets are one instance: there is nothing to choose.
    if let [only] = &variant.lanes[..] {
        return if may_take(&only) { only.enter() } else { None };
    }
    let mut free: Vec<&Arc<Lane>> = variant.lanes.iter().filter(may_take).collect();
    if free.is_empty() {
        return None;
    }
    let shift = (draw * free.len() as f64) as usize % free.len();
    free.rotate_left(shift);
    if variant.routing != Some(RoutingStrategy::Random) {
        free.sort_by_key(|lane| lane.in_flight());
    }
    if let Some(model) = wanted.model {
        free.sort_by_cached_key(|lane| !lane.models.as_ref().is_some_and(|models| models.has(model)));
    }
    free.into_iter().find_map(Lane::enter)
}

#[cfg(test)]
mod tests;
