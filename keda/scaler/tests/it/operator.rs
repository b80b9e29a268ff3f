//! What KEDA's operator does: one plaintext or TLS connection for all scaled objects, no deadlines, the
//! three questions one after the other.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status, Streaming, transport::Channel};
use voicefleet_scaler::{
    ExternalScalerClient, GetMetricsRequest, IsActiveResponse, MetricSpec, ScaledObjectRef,
};

use crate::fleet::Scaler;

/// Longest wait for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The operator's connection to one replica.
#[derive(Clone)]
pub(crate) struct Operator(ExternalScalerClient<Channel>);

/// A scaled object whose trigger has this metadata.
pub(crate) fn object(metadata: &[(&str, &str)]) -> ScaledObjectRef {
    let metadata = metadata.iter();
    ScaledObjectRef {
        name: "voicefleet-piper".to_owned(),
        namespace: "speech".to_owned(),
        scaler_metadata: metadata
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<HashMap<_, _>>(),
    }
}

/// That of a pool, with what KEDA's own keys are.
pub(crate) fn of_pool(pool: &str) -> ScaledObjectRef {
    object(&[("pool", pool), ("scalerAddress", "voicefleet-scaler:6000")])
}

impl Operator {
    pub(crate) async fn connect(scaler: &Scaler) -> Self {
        Self::over(channel(scaler.port).await)
    }

    pub(crate) fn over(channel: Channel) -> Self {
        Self(ExternalScalerClient::new(channel))
    }

    pub(crate) async fn spec(&self, object: ScaledObjectRef) -> Result<Vec<MetricSpec>, Status> {
        let answer = self.0.clone().get_metric_spec(object).await?;
        Ok(answer.into_inner().metric_specs)
    }

    pub(crate) async fn value(&self, object: ScaledObjectRef, metric: &str) -> Result<f64, Status> {
        let request = GetMetricsRequest {
            scaled_object_ref: Some(object),
            metric_name: metric.to_owned(),
        };
        let values = self.0.clone().get_metrics(request).await?.into_inner();
        let [value] = &values.metric_values[..] else {
            panic!("not one value: {values:?}")
        };
        assert_eq!(value.metric_name, metric);
        // Older ones read the whole number.
        #[expect(clippy::cast_precision_loss, reason = "few workers")]
        let whole = value.metric_value as f64;
        assert!((whole - value.metric_value_float).abs() < f64::EPSILON);
        Ok(value.metric_value_float)
    }

    pub(crate) async fn is_active(&self, object: ScaledObjectRef) -> Result<bool, Status> {
        Ok(self.0.clone().is_active(object).await?.into_inner().result)
    }

    pub(crate) async fn stream(
        &self,
        object: ScaledObjectRef,
    ) -> Result<Streaming<IsActiveResponse>, Status> {
        Ok(self.0.clone().stream_is_active(object).await?.into_inner())
    }

    /// A poll of KEDA: the three questions. Gives workers wanted.
    pub(crate) async fn poll(&self, pool: &str) -> Result<f64, Status> {
        let specs = self.spec(of_pool(pool)).await?;
        let [spec] = &specs[..] else {
            panic!("not one metric: {specs:?}")
        };
        assert!((spec.target_size_float - 1.0).abs() < f64::EPSILON);
        let value = self.value(of_pool(pool), &spec.metric_name).await?;
        assert!(value >= 0.0 && value.is_finite());
        let active = self.is_active(of_pool(pool)).await?;
        // Between the two questions a reading may come.
        let again = self.value(of_pool(pool), &spec.metric_name).await?;
        assert!(active == (value > 0.0) || active == (again > 0.0));
        Ok(value)
    }

    /// Polls until the pool wants so many.
    pub(crate) async fn comes_to_want(&self, pool: &str, workers: f64) {
        let coming = async {
            loop {
                match self.poll(pool).await {
                    Ok(value) if (value - workers).abs() < f64::EPSILON => return,
                    Ok(_) => {}
                    Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
                }
                tokio::task::yield_now().await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, coming).await;
        let last = self.poll(pool).await;
        assert!(came.is_ok(), "{pool} does not come to {workers}: {last:?}");
    }

    pub(crate) async fn has_read(scaler: &Scaler) -> Self {
        let operator = Self::connect(scaler).await;
        operator.comes_to_want("piper", 0.0).await;
        operator
    }
}

pub(crate) async fn channel(port: u16) -> Channel {
    let endpoint = Channel::from_shared(format!("http://127.0.0.1:{port}")).expect("a URL");
    endpoint.connect().await.expect("connects")
}
