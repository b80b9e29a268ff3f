//! voicefleet-onnx
