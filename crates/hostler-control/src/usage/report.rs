//! The answer: what is written down, and what runs and is not written down yet.
//!
//! Why: the time of what runs is reckoned at the moment of the question, so the answer is exact and nothing has to be
//! written for it. An instance that goes in between would be seen on both sides, so a question during which instance
//! time was written down is asked again.
//! Invariants: the caller sees its own account and region. Rows come in the order of their names.

use std::collections::BTreeMap;

use hostler_aws::ApiError;
use hostler_shapes::Tag;
use hostler_store::{ListQuery, SortBy};
use hostler_types::{
    EndpointRecord, InvocationClass, InvocationCounts, Kind, Millis, Record, Scope, UsageRecord,
};
use serde_json::{Map, Value, json};
use tracing::error;

use super::query::Query;
use super::times::times;
use crate::control::{Caller, Control, store_failed};

/// Documents of one page.
const PAGE: usize = 100;
/// Questions in a row that are disturbed: the last answer is given, an instance more or less.
const TRIES_MAX: u32 = 5;

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Variant { endpoint: String, uid: String, variant: String, instance_type: Option<String> },
    Tag { value: Option<String>, instance_type: Option<String> },
}

#[derive(Clone, Copy, Debug, Default)]
struct Used {
    instance_ms: i64,
    invocations: InvocationCounts,
}

type Rows = BTreeMap<Group, Used>;

impl Control {
    /// What the caller's endpoints used, by the query of `GET /_hostler/usage`.
    pub async fn usage(&self, caller: &Caller, query: &str) -> Result<Value, ApiError> {
        let settings = &self.parts.settings.usage;
        let query = Query::parse(query, self.parts.clock.now(), settings.days)?;
        let mut tries = 0;
        let rows = loop {
            tries += 1;
            let (rows, is_disturbed) = self.used(&caller.scope, &query).await?;
            if !is_disturbed || tries == TRIES_MAX {
                break rows;
            }
        };
        let mut total = Used::default();
        for used in rows.values() {
            total.add(used.instance_ms, &used.invocations);
        }
        Ok(json!({
            "Account": caller.scope.account,
            "Region": caller.scope.region,
            "Since": query.since.to_string(),
            "Until": query.until.to_string(),
            "DaysKept": settings.days,
            "TagKey": query.by_tag,
            "Usage": rows.iter().map(|(group, used)| row(group, used)).collect::<Vec<Value>>(),
            "Total": Value::Object(total.members()),
        }))
    }

    /// Every row, and whether instance time was written down meanwhile.
    async fn used(&self, scope: &Scope, query: &Query) -> Result<(Rows, bool), ApiError> {
        let began_at = self.parts.clock.now();
        let mut rows = Rows::new();
        let emptied_at = self.parts.settings.usage.emptied_at;
        self.each(scope, Kind::Endpoint, None, |body, _| {
            let Ok(record) = EndpointRecord::from_body(body).inspect_err(unreadable) else { return };
            if query.is_of(&record.name) {
                for entry in times(&record, began_at, emptied_at, |_| true) {
                    if query.has(&entry.day.to_string()) {
                        let group = Group::of(query, &record.name, record.uid.as_str(), &record.tags);
                        let group = group.with(entry.variant.as_str(), entry.instance_type.as_deref());
                        rows.entry(group).or_default().add(entry.instance_ms, &entry.invocations);
                    }
                }
            }
        })
        .await?;
        let mut is_disturbed = false;
        self.each(scope, Kind::Usage, Some(query), |body, modified_at| {
            let Ok(record) = UsageRecord::from_body(body).inspect_err(unreadable) else { return };
            // Invocations are told by nothing else, so only instance time can be seen twice.
            is_disturbed |= modified_at >= began_at && record.lines.iter().any(|line| line.instance_ms > 0);
            if query.is_of(&record.endpoint_name) {
                for line in record.lines.iter().filter(|line| query.has(&line.day)) {
                    let tags = record.tag_sets.get(line.tag_set).map(Vec::as_slice).unwrap_or_default();
                    let group = Group::of(query, &record.endpoint_name, record.uid.as_str(), tags);
                    let group = group.with(line.variant.as_str(), line.instance_type.as_deref());
                    rows.entry(group).or_default().add(line.instance_ms, &line.invocations);
                }
            }
        })
        .await?;
        Ok((rows, is_disturbed))
    }

    /// Every document of a kind, of months that the query touches: its body, and when it was written.
    async fn each(
        &self,
        scope: &Scope,
        kind: Kind,
        months: Option<&Query>,
        mut visit: impl FnMut(&str, Millis),
    ) -> Result<(), ApiError> {
        let mut list = ListQuery {
            created_from: months.map(|query| query.since.first_of_month().start()),
            created_before: months.map(|query| query.until.start()),
            sort_by: SortBy::CreationTime,
            ..ListQuery::all(scope.clone(), kind, PAGE)
        };
        loop {
            let page = self.parts.store.list(&list).await.map_err(store_failed)?;
            page.documents.iter().for_each(|document| visit(&document.body, document.modified_at));
            if page.next.is_none() {
                return Ok(());
            }
            list.after = page.next;
        }
    }
}

fn unreadable(cause: &hostler_types::RecordError) {
    let error: &dyn std::error::Error = cause;
    error!(error, "a record is missing in what is told of usage");
}

impl Group {
    fn of(query: &Query, endpoint: &str, uid: &str, tags: &[Tag]) -> Self {
        match &query.by_tag {
            Some(key) => {
                let value = tags.iter().find(|tag| tag.key == *key).map(|tag| tag.value.clone());
                Self::Tag { value, instance_type: None }
            }
            None => Self::Variant {
                endpoint: endpoint.to_owned(),
                uid: uid.to_owned(),
                variant: String::new(),
                instance_type: None,
            },
        }
    }

    fn with(mut self, of: &str, by: Option<&str>) -> Self {
        if let Self::Variant { variant, .. } = &mut self {
            of.clone_into(variant);
        }
        let (Self::Variant { instance_type, .. } | Self::Tag { instance_type, .. }) = &mut self;
        *instance_type = by.map(str::to_owned);
        self
    }
}

impl Used {
    fn add(&mut self, instance_ms: i64, invocations: &InvocationCounts) {
        self.instance_ms = self.instance_ms.saturating_add(instance_ms);
        for (total, count) in self.invocations.iter_mut().zip(invocations) {
            *total = total.saturating_add(*count);
        }
    }

    fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("InstanceHours".to_owned(), json!(self.instance_ms as f64 / 3_600_000.0));
        members.insert("InstanceSeconds".to_owned(), json!(self.instance_ms as f64 / 1000.0));
        members.insert("Invocations".to_owned(), json!(self.invocations.iter().sum::<u64>()));
        for class in InvocationClass::ALL {
            let name = match class {
                InvocationClass::Abandoned => "InvocationsAbandoned".to_owned(),
                class => format!("Invocations{}", class.as_str()),
            };
            members.insert(name, json!(self.invocations[class as usize]));
        }
        members
    }
}

fn row(group: &Group, used: &Used) -> Value {
    let mut members = match group {
        Group::Variant { endpoint, uid, variant, instance_type } => Map::from_iter([
            ("EndpointName".to_owned(), json!(endpoint)),
            ("EndpointUid".to_owned(), json!(uid)),
            ("VariantName".to_owned(), json!(variant)),
            ("InstanceType".to_owned(), json!(instance_type)),
        ]),
        Group::Tag { value, instance_type } => Map::from_iter([
            ("TagValue".to_owned(), json!(value)),
            ("InstanceType".to_owned(), json!(instance_type)),
        ]),
    };
    members.extend(used.members());
    Value::Object(members)
}
