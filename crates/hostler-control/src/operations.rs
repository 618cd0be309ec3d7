//! The operations, one file per noun.

mod data_source;
mod decided;
mod deployment_config;
mod endpoint;
mod endpoint_config;
mod endpoint_view;
mod listing;
mod local_url;
mod model;
mod model_containers;
mod model_data;
mod snapshot;
mod tags;
mod update_endpoint;
mod update_weights;
mod uses;

pub(crate) use data_source::{additional_model_data, many_models, model_data, submitted_code};
pub(crate) use decided::Decided;
pub(crate) use endpoint::document as endpoint_document;
pub(crate) use local_url::LocalUrls;
pub(crate) use tags::check_new_tags;
pub(crate) use uses::uses as endpoint_uses;
