//! The operations, one file per noun.

mod data_source;
mod endpoint;
mod endpoint_config;
mod endpoint_view;
mod listing;
mod local_url;
mod model;
mod model_data;
mod tags;

pub(crate) use data_source::{additional_model_data, model_data};
pub(crate) use endpoint::document as endpoint_document;
pub(crate) use local_url::LocalUrls;
