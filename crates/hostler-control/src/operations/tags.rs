//! AddTags, ListTags, DeleteTags, and the rules for tags given at creation.
//!
//! Why: tags live inside the record that they describe, so that they share its fate and its transaction.
//! Invariants: at most 50 tags a resource, keys unique, none that begins with `aws:`.

use hostler_aws::ApiError;
use hostler_shapes::{
    AddTagsInput, AddTagsOutput, DeleteTagsInput, DeleteTagsOutput, ListTagsInput, ListTagsOutput, Tag,
};
use hostler_store::{Check, Document, Event, Expect, StoreError, Transaction, Write};
use hostler_types::{
    AcceptedOperation, Arn, EndpointConfigRecord, EndpointRecord, Kind, LimitBounds, ModelRecord, Record,
    Resource,
};

use crate::control::{Caller, Control, store_failed};
use crate::history::{self, By};
use crate::usage::{Bookings, Owner, Part, bookings, times};

/// AWS's limit per resource.
const TAGS_MAX: usize = 50;

impl Control {
    pub(crate) async fn add_tags(
        &self,
        caller: &Caller,
        input: AddTagsInput,
    ) -> Result<AddTagsOutput, ApiError> {
        let added = check_new_tags(Some(input.tags))?;
        if resource(caller, &input.resource_arn)?.kind == Kind::Endpoint {
            check_limit_tags(&added, &self.parts.settings.policy.limit_bounds)?;
        }
        let keys: Vec<&str> = added.iter().map(|tag| tag.key.as_str()).collect();
        let operation = history::tags("AddTags", &keys);
        let tags = self
            .change_tags(caller, &input.resource_arn, &operation, |tags| {
                for tag in &added {
                    match tags.iter_mut().find(|known| known.key == tag.key) {
                        Some(known) => known.value.clone_from(&tag.value),
                        None => tags.push(tag.clone()),
                    }
                }
            })
            .await?;
        Ok(AddTagsOutput { tags: Some(tags) })
    }

    pub(crate) async fn list_tags(
        &self,
        caller: &Caller,
        input: &ListTagsInput,
    ) -> Result<ListTagsOutput, ApiError> {
        if input.next_token.as_ref().is_some_and(|token| !token.is_empty()) {
            // A page holds 50 tags at least, and a resource has no more: no token was ever given out.
            return Err(ApiError::validation("The pagination token is invalid."));
        }
        let resource = resource(caller, &input.resource_arn)?;
        let document = self.parts.store.get(&resource.key()).await.map_err(store_failed)?;
        let record = TaggedRecord::read(&document.ok_or_else(no_such_resource)?)?;
        Ok(ListTagsOutput { tags: Some(record.tags().clone()), next_token: None })
    }

    pub(crate) async fn delete_tags(
        &self,
        caller: &Caller,
        input: &DeleteTagsInput,
    ) -> Result<DeleteTagsOutput, ApiError> {
        let keys: Vec<&str> = input.tag_keys.iter().map(String::as_str).collect();
        let operation = history::tags("DeleteTags", &keys);
        self.change_tags(caller, &input.resource_arn, &operation, |tags| {
            tags.retain(|tag| !input.tag_keys.contains(&tag.key));
        })
        .await?;
        Ok(DeleteTagsOutput {})
    }

    async fn change_tags(
        &self,
        caller: &Caller,
        arn: &str,
        operation: &AcceptedOperation,
        change: impl Fn(&mut Vec<Tag>),
    ) -> Result<Vec<Tag>, ApiError> {
        let resource = resource(caller, arn)?;
        let key = resource.key();
        loop {
            let document =
                self.parts.store.get(&key).await.map_err(store_failed)?.ok_or_else(no_such_resource)?;
            let mut record = TaggedRecord::read(&document)?;
            let Bookings { mut checks, mut writes } = self.book_times_so_far(&mut record).await?;
            change(record.tags_mut());
            if record.tags().len() > TAGS_MAX {
                return Err(ApiError::validation(format!(
                    "The number of tags on resource \"{arn}\" would exceed the limit of {TAGS_MAX}."
                )));
            }
            let tags = record.tags().clone();
            let expect = Expect::Version(document.version);
            let event = record.event(self.by(caller), operation.clone());
            checks.push(Check { key: key.clone(), expect });
            writes.push(Write::Put(Document { body: record.to_body(), ..document }));
            let transaction = Transaction { checks, writes, events: vec![event], ..Transaction::default() };
            match self.parts.store.commit(transaction).await {
                Ok(_) => return Ok(tags),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(store_failed(error)),
            }
        }
    }
}

impl Control {
    /// What an endpoint's instances have used so far counts under the tags that it has so far.
    async fn book_times_so_far(&self, record: &mut TaggedRecord) -> Result<Bookings, ApiError> {
        let TaggedRecord::Endpoint(record) = record else { return Ok(Bookings::default()) };
        let (now, emptied_at) = (self.parts.clock.now(), self.parts.settings.usage.emptied_at);
        let entries = times(record, now, emptied_at, |_| true);
        let owner = Owner::of(record);
        let booked = bookings(&*self.parts.store, owner, Part::Instances, &entries, (now, None)).await;
        let booked = booked.map_err(store_failed)?;
        record.metered_until = record.metered_until.max(Some(now));
        Ok(booked)
    }
}

/// A record of any kind, for its tags.
enum TaggedRecord {
    Model(Box<ModelRecord>),
    EndpointConfig(Box<EndpointConfigRecord>),
    Endpoint(Box<EndpointRecord>),
}

impl TaggedRecord {
    fn read(document: &Document) -> Result<Self, ApiError> {
        let body = &document.body;
        let record = match document.key.kind() {
            Kind::Model => ModelRecord::from_body(body).map(|record| Self::Model(Box::new(record))),
            Kind::EndpointConfig => {
                EndpointConfigRecord::from_body(body).map(|record| Self::EndpointConfig(Box::new(record)))
            }
            Kind::Endpoint => EndpointRecord::from_body(body).map(|record| Self::Endpoint(Box::new(record))),
            // They have no ARN, so nobody asks for them.
            Kind::Usage | Kind::AccessKey => return Err(no_such_resource()),
        };
        record.map_err(|error| ApiError::internal("reading a tagged record").with_source(error))
    }

    fn tags(&self) -> &Vec<Tag> {
        match self {
            Self::Model(record) => &record.tags,
            Self::EndpointConfig(record) => &record.tags,
            Self::Endpoint(record) => &record.tags,
        }
    }

    fn tags_mut(&mut self) -> &mut Vec<Tag> {
        match self {
            Self::Model(record) => &mut record.tags,
            Self::EndpointConfig(record) => &mut record.tags,
            Self::Endpoint(record) => &mut record.tags,
        }
    }

    fn event(&self, by: By<'_>, operation: AcceptedOperation) -> Event {
        match self {
            Self::Model(record) => by.changed(&record.key(), operation),
            Self::EndpointConfig(record) => by.changed(&record.key(), operation),
            Self::Endpoint(record) => by.changed_endpoint(record, Some(record.status), operation),
        }
    }

    fn to_body(&self) -> String {
        match self {
            Self::Model(record) => record.to_body(),
            Self::EndpointConfig(record) => record.to_body(),
            Self::Endpoint(record) => record.to_body(),
        }
    }
}

/// The tags of a Create call, checked beyond the service model.
pub(crate) fn check_new_tags(tags: Option<Vec<Tag>>) -> Result<Vec<Tag>, ApiError> {
    let tags = tags.unwrap_or_default();
    for (index, tag) in tags.iter().enumerate() {
        if tag.key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(ApiError::validation(format!(
                "Tag key \"{}\" is not allowed: keys that begin with aws: are reserved.",
                tag.key
            )));
        }
        if tags[..index].iter().any(|earlier| earlier.key == tag.key) {
            return Err(ApiError::validation(format!("Duplicate tag key \"{}\" in the request.", tag.key)));
        }
    }
    Ok(tags)
}

/// The tags that set limits of an endpoint, as a call is about to.
pub(super) fn check_limit_tags(tags: &[Tag], bounds: &LimitBounds) -> Result<(), ApiError> {
    let check = |tag| bounds.check(tag).map_err(|error| ApiError::validation(sentence(&error.to_string())));
    tags.iter().try_for_each(check)
}

/// With a capital and a full stop, as AWS writes.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

fn resource(caller: &Caller, arn: &str) -> Result<Resource, ApiError> {
    let resource = Arn::parse(arn).map_err(|_| no_such_resource())?;
    if resource.scope.region != caller.scope.region {
        return Err(ApiError::validation(format!(
            "ARN should be scoped to correct region: {}",
            caller.scope.region
        )));
    }
    if resource.scope.account != caller.scope.account {
        return Err(no_such_resource());
    }
    Ok(resource)
}

fn no_such_resource() -> ApiError {
    ApiError::validation("Resource does not exist.")
}
