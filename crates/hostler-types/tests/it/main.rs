//! What other rooms and older releases rely on of the shared words.

mod golden;
