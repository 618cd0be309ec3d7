//! The operations, one file per noun.

mod endpoint;
mod endpoint_config;
mod endpoint_view;
mod listing;
mod model;
mod model_data;
mod tags;

pub(crate) use endpoint::document as endpoint_document;
pub(crate) use model_data::model_data;
