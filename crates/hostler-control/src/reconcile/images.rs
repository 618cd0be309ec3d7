//! What the images of a deployment turned out to be, taken into its record.
//!
//! Why: a tag means what its registry says when it is pulled; DescribeEndpoint shows what that was, also when no backend
//! knows it any more.
//! Invariants: what is written down first stays: a deployment runs one image under one name.

use hostler_compute::Observed;
use hostler_types::EndpointRecord;

/// Adds what backends found out; whether there was something new.
pub(super) fn note_images(record: &mut EndpointRecord, observed: &[Observed]) -> bool {
    let mut is_changed = false;
    for one in observed {
        let Some(deployment) = record.deployment_of_mut(one.id.generation) else { continue };
        for seen in &one.images {
            if !deployment.images.contains_key(&seen.image) {
                deployment.images.insert(seen.image.clone(), seen.resolved.clone());
                is_changed = true;
            }
        }
    }
    is_changed
}
