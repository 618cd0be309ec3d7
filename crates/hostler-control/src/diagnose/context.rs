//! What an instance was made from, as far as sentences name it.

use hostler_catalog::{ImageCatalog, ImageProgram};
use hostler_types::{EndpointRecord, InstanceId, MadeFrom};

/// What an instance was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) endpoint: String,
    /// Which of several containers it is about.
    pub(crate) container: Option<String>,
    /// Its names; empty ones where they are not known any more.
    pub(crate) made_from: MadeFrom,
    /// The built-in engine that serves the image.
    pub(crate) engine: Option<String>,
    /// The program of the operator's mapping.
    pub(crate) program: Option<String>,
    /// The model's own script serves it.
    pub(crate) is_script: bool,
}

impl Context {
    /// Of this instance, and of this container of it, or the first: from its deployment, or from what was noted when it failed.
    pub(crate) fn of(
        record: &EndpointRecord,
        (id, container): (&InstanceId, Option<&str>),
        catalog: &ImageCatalog,
    ) -> Self {
        let noted = record.failure.as_ref().filter(|failure| failure.instance == *id);
        let noted = noted.and_then(|failure| failure.made_from.clone());
        let made_from = MadeFrom::of(record, id, container).or(noted).unwrap_or_default();
        let (engine, program) = match catalog.resolve(&made_from.image) {
            ImageProgram::BuiltIn(engine) => (Some(engine.to_owned()), None),
            ImageProgram::Mapped(mapping) => (None, mapping.command.first().cloned()),
            ImageProgram::Script(_) | ImageProgram::Container => (None, None),
        };
        let is_script = matches!(catalog.resolve(&made_from.image), ImageProgram::Script(_));
        let container = container.map(str::to_owned);
        Self { endpoint: record.name.clone(), container, made_from, engine, program, is_script }
    }
}
