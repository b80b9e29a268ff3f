//! Convolutions with numbers of 16 bits, against the same written down plainly.

use half::bf16;
use proptest::prelude::*;
use voicefleet_convolution::{
    Instructions,
    bfloat16::{Convolution, Form, Input, Scratch, pack},
};

#[derive(Clone, Debug)]
struct Case {
    form: Form,
    length: usize,
    slope: f32,
    values: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
    added: Vec<Vec<f32>>,
}

fn case() -> impl Strategy<Value = Case> {
    // More than a tile has places for, now and then.
    let channels = || prop_oneof![4 => 1..=9_usize, 1 => 30..=67_usize];
    let form = (
        channels(),
        channels(),
        1..=8_usize,
        1..=5_usize,
        1..=9_usize,
    );
    let form = form.prop_flat_map(|(inputs, channels, taps, dilation, phases)| {
        let padding = 0..=taps * dilation;
        (
            [padding.clone(), padding],
            prop_oneof![Just([0, 0]), [0..=4_usize, 0..=4]],
        )
            .prop_map(move |(padding, cut)| Form {
                inputs,
                outputs: channels * phases,
                taps,
                dilation,
                padding,
                phases,
                cut,
            })
    });
    // Long ones are computed in parts.
    let length = prop_oneof![9 => 1..=130_usize, 1 => 950..=2_100_usize];
    (form, length).prop_flat_map(|(form, length)| {
        let floats = |count: usize| prop::collection::vec(-3.0..3.0_f32, count);
        let added = if form.phases == 1 && form.cut == [0, 0] {
            0..=2_usize
        } else {
            0..=0
        };
        let made = form.channels() * form.length(length);
        (
            prop_oneof![Just(1.0_f32), 0.0..1.0_f32],
            floats(form.inputs * length),
            floats(form.outputs * form.inputs * form.taps),
            floats(form.outputs),
            added.prop_flat_map(move |count| prop::collection::vec(floats(made), count)),
        )
            .prop_map(move |(slope, values, weights, bias, added)| Case {
                form,
                length,
                slope,
                values,
                weights,
                bias,
                added,
            })
    })
}

impl Case {
    fn computed(&self, instructions: Instructions, scratch: &mut Scratch) -> Vec<f32> {
        let packed = pack(instructions, &self.form, &self.weights);
        let convolution = Convolution::new(instructions, self.form, &packed, &self.bias);
        let convolution = convolution.expect("it fits");
        let added: Vec<&[f32]> = self.added.iter().map(Vec::as_slice).collect();
        let input = Input {
            values: &self.values,
            length: self.length,
            slope: self.slope,
            added: &added,
        };
        let made = self.form.channels() * self.form.length(self.length);
        let mut output = vec![f32::NAN; made];
        convolution.apply(&input, scratch, &mut output);
        output
    }

    /// The output, and how much each number may differ for the order in which it was summed.
    fn expected(&self) -> Vec<(f64, f64)> {
        let length = self.form.length(self.length);
        (0..self.form.channels() * length)
            .map(|index| {
                let (sum, size) = self.sum(index / length, index % length);
                let added = self.added.iter().map(|added| f64::from(added[index]));
                (sum + added.sum::<f64>(), 1e-6 * (size + 10.0))
            })
            .collect()
    }

    /// The sum for one sample, and that of its summands' sizes.
    fn sum(&self, channel: usize, sample: usize) -> (f64, f64) {
        let form = &self.form;
        let place = sample + form.cut[0];
        let (step, output) = (
            place / form.phases,
            channel * form.phases + place % form.phases,
        );
        let bias = f64::from(self.bias[output]);
        let (mut sum, mut size) = (bias, bias.abs());
        for input in 0..form.inputs {
            for tap in 0..form.taps {
                let at = (step + tap * form.dilation).checked_sub(form.padding[0]);
                let Some(at) = at.filter(|at| *at < self.length) else {
                    continue;
                };
                let value = self.values[input * self.length + at];
                let bent = if value < 0.0 {
                    value * self.slope
                } else {
                    value
                };
                let weight = self.weights[(output * form.inputs + input) * form.taps + tap];
                let product = rounded(bent) * rounded(weight);
                sum += product;
                size += product.abs();
            }
        }
        (sum, size)
    }
}

fn rounded(value: f32) -> f64 {
    f64::from(bf16::from_f32(value))
}

proptest! {
    #[test]
    fn it_computes_what_its_form_says(cases in prop::collection::vec(case(), 1..3)) {
        for instructions in Instructions::all_for_bfloat16() {
            let mut scratch = Scratch::default();
            for case in &cases {
                let computed = case.computed(instructions, &mut scratch);
                for (computed, (expected, apart)) in computed.iter().zip(case.expected()) {
                    prop_assert!(
                        (f64::from(*computed) - expected).abs() <= apart,
                        "{instructions:?}: {computed} for {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_no_convolution() {
    let form = Form {
        inputs: 3,
        outputs: 4,
        taps: 2,
        dilation: 1,
        padding: [0, 1],
        phases: 2,
        cut: [0, 0],
    };
    for instructions in [Instructions::Vectors, Instructions::Tiles] {
        let packed = pack(instructions, &form, &[1.0; 24]);
        let fits =
            |form, packed, bias| Convolution::new(instructions, form, packed, bias).is_some();
        assert!(fits(form, &packed, &[0.0; 4]));
        assert!(!fits(form, &packed[1..], &[0.0; 4]));
        assert!(!fits(form, &packed, &[0.0; 5]));
        let uneven = Form { phases: 3, ..form };
        assert!(!fits(uneven, &packed, &[0.0; 4]));
        let endless = Form {
            padding: [usize::MAX, 0],
            ..form
        };
        assert!(!fits(endless, &packed, &[0.0; 4]));
        let still = Form {
            dilation: 0,
            ..form
        };
        assert!(!fits(still, &packed, &[0.0; 4]));
        let far = Form {
            dilation: 1 << 17,
            ..form
        };
        assert!(!fits(far, &packed, &[0.0; 4]));
    }
}

#[test]
fn what_is_no_number_stays_where_it_is() {
    for instructions in Instructions::all_for_bfloat16() {
        let form = Form {
            inputs: 64,
            outputs: 1,
            taps: 1,
            dilation: 1,
            padding: [0, 0],
            phases: 1,
            cut: [0, 0],
        };
        let few = Form { inputs: 2, ..form };
        let mut scratch = Scratch::default();
        for form in [form, few] {
            let value = if form.inputs == 2 { 1.0 } else { f32::NAN };
            let packed = pack(instructions, &form, &vec![1.0; form.inputs]);
            let convolution = Convolution::new(instructions, form, &packed, &[0.0]).unwrap();
            let values = vec![value; form.inputs];
            let input = Input {
                values: &values,
                length: 1,
                slope: 1.0,
                added: &[],
            };
            let mut output = [0.0];
            convolution.apply(&input, &mut scratch, &mut output);
            assert_eq!(output[0].is_nan(), value.is_nan(), "{instructions:?}");
        }
    }
}
