//! Sentences of AWS that backends and the control plane share, word for word.

/// For an image that cannot be had.
pub fn image_sentence(variant: &str) -> String {
    format!(
        "Please make sure all images included in the model for the production variant {variant} exist, and that the \
         execution role used to create the model has permissions to access them."
    )
}
