//! Against the same written down plainly, as ONNX's operators define it.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "small numbers, and ones that are exact"
)]

use proptest::prelude::*;
use voicefleet_convolution::{
    Activation, Input, Instructions, Normalisation, Scratch, Shape, ShapeError, Weights,
};

/// A convolution with everything that it can be given.
#[derive(Clone, Debug)]
struct Case {
    shape: Shape,
    length: usize,
    weights: Vec<u8>,
    zero: u8,
    values: Vec<f32>,
    /// Gain, shift, alpha and inverse of each input; bias of each output.
    numbers: [Vec<f32>; 5],
    residual: Vec<f32>,
    normalises: bool,
    adds: bool,
    /// 0 none, 1 leaky rectifier, 2 snake.
    activation: u8,
}

const WEIGHT_SCALE: f32 = 0.01;
const EPSILON: f32 = 1e-5;
const SLOPE: f32 = 0.2;

fn case() -> impl Strategy<Value = Case> {
    // More than a tile has places for, now and then.
    let inputs = prop_oneof![4 => 1..=9_usize, 1 => 60..=70_usize];
    let outputs = prop_oneof![4 => 1..=19_usize, 1 => 30..=70_usize];
    let shape = (inputs, outputs, 0..=5_usize, 1..=5_usize);
    let shape = shape.prop_map(|(inputs, outputs, taps, dilation)| Shape {
        inputs,
        outputs,
        taps: 2 * taps + 1,
        dilation,
    });
    (shape, 1..=130_usize).prop_flat_map(|(shape, length)| {
        let floats = |count: usize| prop::collection::vec(-3.0..3.0_f32, count);
        let numbers = [
            floats(shape.inputs),
            floats(shape.inputs),
            floats(shape.inputs),
            floats(shape.inputs),
            floats(shape.outputs),
        ];
        (
            prop::collection::vec(any::<u8>(), shape.inputs * shape.outputs * shape.taps),
            any::<u8>(),
            floats(shape.inputs * length),
            numbers,
            floats(shape.outputs * length),
            any::<[bool; 2]>(),
            0..=2_u8,
        )
            .prop_map(
                move |(
                    weights,
                    zero,
                    values,
                    numbers,
                    residual,
                    [normalises, adds],
                    activation,
                )| {
                    Case {
                        shape,
                        length,
                        weights,
                        zero,
                        values,
                        numbers,
                        residual,
                        normalises,
                        adds,
                        activation,
                    }
                },
            )
    })
}

impl Case {
    fn computed(&self, instructions: Instructions) -> Vec<f32> {
        let [gain, shift, alpha, inverse, bias] = &self.numbers;
        let weights = Weights::new(
            self.shape,
            &self.weights,
            self.zero,
            WEIGHT_SCALE,
            Some(bias),
        );
        let input = Input {
            values: &self.values,
            length: self.length,
            normalisation: self.normalises.then_some(Normalisation {
                gain,
                shift,
                epsilon: EPSILON,
            }),
            activation: match self.activation {
                0 => Activation::None,
                1 => Activation::LeakyRelu(SLOPE),
                _ => Activation::Snake { alpha, inverse },
            },
            residual: self.adds.then_some(&self.residual),
        };
        let mut output = vec![f32::NAN; self.shape.outputs * self.length];
        let mut scratch = Scratch::default();
        let convolution = weights.expect("it fits").pack(instructions);
        // The second run finds what the first one left.
        for _ in 0..2 {
            convolution.apply(&input, &mut scratch, &mut output);
        }
        output
    }

    /// What comes out of normalisation and activation.
    fn bent(&self) -> Vec<f64> {
        let [gain, shift, alpha, inverse, _] = &self.numbers;
        let mut bent = Vec::new();
        for (channel, row) in self.values.chunks(self.length).enumerate() {
            let count = row.len() as f64;
            let mean = row.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
            let squares = row.iter().map(|value| (f64::from(*value) - mean).powi(2));
            let deviation = (squares.sum::<f64>() / count + f64::from(EPSILON)).sqrt();
            for value in row {
                let mut value = f64::from(*value);
                if self.normalises {
                    value = (value - mean) / deviation * f64::from(gain[channel])
                        + f64::from(shift[channel]);
                }
                bent.push(match self.activation {
                    1 if value < 0.0 => value * f64::from(SLOPE),
                    0 | 1 => value,
                    _ => {
                        let wave = (value * f64::from(alpha[channel])).sin().powi(2);
                        value + f64::from(inverse[channel]) * wave
                    }
                });
            }
        }
        bent
    }

    /// The output, and a step of the input's quantisation.
    fn expected(&self) -> (Vec<f64>, f64) {
        let bent = self.bent();
        let low = bent.iter().copied().fold(0.0, f64::min);
        let high = bent.iter().copied().fold(0.0, f64::max);
        let step = if high > low {
            (high - low) / 255.0
        } else {
            1.0
        };
        let zero = (-low / step).round_ties_even();
        let levels: Vec<f64> = bent
            .iter()
            .map(|value| ((value / step).round_ties_even() + zero).clamp(0.0, 255.0) - zero)
            .collect();
        let Shape {
            inputs,
            outputs,
            taps,
            dilation,
        } = self.shape;
        let mut expected = Vec::new();
        for output in 0..outputs {
            for time in 0..self.length {
                let mut sum = 0.0;
                for input in 0..inputs {
                    for tap in 0..taps {
                        let at = (time + tap * dilation).checked_sub(self.shape.padding());
                        let Some(at) = at.filter(|at| *at < self.length) else {
                            continue;
                        };
                        let weight = self.weights[(output * inputs + input) * taps + tap];
                        let weight = f64::from(weight) - f64::from(self.zero);
                        sum += weight * levels[input * self.length + at];
                    }
                }
                sum = sum * step * f64::from(WEIGHT_SCALE) + f64::from(self.numbers[4][output]);
                if self.adds {
                    sum += f64::from(self.residual[output * self.length + time]);
                }
                expected.push(sum);
            }
        }
        (expected, step)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn it_computes_what_the_definition_says(case in case()) {
        let (expected, step) = case.expected();
        // A value between two steps may go to either: up to two of them in each output.
        let margin = 2.0 * step * 255.0 * f64::from(WEIGHT_SCALE) + 1e-3;
        let largest = expected.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        // Other processors run the model as it is published.
        for instructions in Instructions::all_for_bytes() {
            for (computed, expected) in case.computed(instructions).iter().zip(&expected) {
                let error = (f64::from(*computed) - expected).abs();
                prop_assert!(
                    error <= margin + 1e-4 * largest,
                    "{instructions:?}: {computed}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn without_rounding_it_is_exact() {
    let shape = Shape {
        inputs: 5,
        outputs: 9,
        taps: 3,
        dilation: 2,
    };
    let (length, count) = (50, 5 * 9 * 3);
    let weights: Vec<u8> = (0..count).map(|n| (n * 37 % 256) as u8).collect();
    // The range is 0 to 255, so that a step is 1 and every value a whole number of them.
    let values: Vec<f32> = (0..5 * length)
        .map(|n| f32::from((n * 91 % 256) as u8))
        .collect();
    assert!(values.contains(&255.0) && values.contains(&0.0));
    let case = Case {
        shape,
        length,
        weights,
        zero: 101,
        values,
        numbers: std::array::from_fn(|_| vec![0.0; 9]),
        residual: Vec::new(),
        normalises: false,
        adds: false,
        activation: 0,
    };
    let (expected, step) = case.expected();
    assert!((step - 1.0).abs() < 1e-12);
    for instructions in Instructions::all_for_bytes() {
        for (computed, expected) in case.computed(instructions).iter().zip(&expected) {
            let error = (f64::from(*computed) - expected).abs();
            assert!(
                error <= 1e-6 * expected.abs() + 1e-6,
                "{instructions:?}: {computed}, not {expected}"
            );
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let shape = Shape {
        inputs: 2,
        outputs: 3,
        taps: 3,
        dilation: 1,
    };
    let fit = |shape, weights: usize, biases: usize| {
        Weights::new(shape, vec![0; weights], 0, 1.0, Some(&vec![0.0; biases])).err()
    };
    assert_eq!(fit(shape, 18, 3), None);
    let refused = ShapeError::Weights {
        given: 17,
        needed: 18,
    };
    assert_eq!(fit(shape, 17, 3), Some(refused));
    let refused = ShapeError::Biases {
        given: 2,
        outputs: 3,
    };
    assert_eq!(fit(shape, 18, 2), Some(refused));
    for taps in [0, 2] {
        let even = Shape { taps, ..shape };
        assert_eq!(fit(even, 6 * taps, 3), Some(ShapeError::Form(even)));
    }
    let far = Shape {
        dilation: 1 << 15,
        ..shape
    };
    assert_eq!(fit(far, 18, 3), None);
    for dilation in [(1 << 15) + 1, usize::MAX] {
        let too_far = Shape { dilation, ..shape };
        assert_eq!(fit(too_far, 18, 3), Some(ShapeError::Reach(too_far)));
    }
    let wide = |inputs| Shape { inputs, ..shape };
    assert_eq!(fit(wide(11_008), 9 * 11_008, 3), None);
    for inputs in [11_009, usize::MAX] {
        let refused = ShapeError::Products(wide(inputs));
        assert_eq!(fit(wide(inputs), 9, 3), Some(refused));
    }
}
