//! ONNX models as data: to be read, changed and written without a runtime.

mod cut;
mod network;
mod node;
pub mod proto;
mod reorders;
mod tensor;
mod types;

pub use network::{Network, NetworkError};
pub use proto::{Node, Tensor};
pub use types::ElementType;
