//! What is written and what is said.

use voicefleet_verbalise::verbalise;

fn check(table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(written, said)| {
            let got = verbalise(written);
            (got != *said).then(|| format!("written  {written}\nexpected {said}\ngot      {got}\n"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn money() {
    check(&[
        (
            "The price is $5.20.",
            "The price is five dollars and twenty cents.",
        ),
        (
            "It costs $1,234.56 or €99.99, not £0.50.",
            "It costs one thousand two hundred thirty four dollars and fifty six cents or ninety nine euros and ninety nine cents, not fifty pence.",
        ),
        (
            "We raised $3.5 million.",
            "We raised three point five million dollars.",
        ),
        ("$1", "one dollar"),
        (
            "$1.01 and £1.01",
            "one dollar and one cent and one pound and one penny",
        ),
        ("$5.00 today", "five dollars today"),
        ("a $20 bill", "a twenty dollar bill"),
        ("a $5 million deal", "a five million dollar deal"),
        (
            "$20, $100k, $2.5bn, 50¢, ¥500, ₹100",
            "twenty dollars, one hundred thousand dollars, two point five billion dollars, fifty cents, five hundred yen, one hundred rupees",
        ),
        ("-$5 and US$20", "minus five dollars and twenty dollars"),
        ("from $5-10", "from five to ten dollars"),
        ("$5\u{2013}$10 each", "five to ten dollars each"),
        (
            "$9.99/month",
            "nine dollars and ninety nine cents per month",
        ),
        ("20 EUR or 5 €", "twenty euros or five euros"),
        ("USD 300", "three hundred dollars"),
        (
            "$0.0015 per call",
            "zero point zero zero one five dollars per call",
        ),
    ]);
}

#[test]
fn dates() {
    check(&[
        ("on March 3rd, 2024.", "on March third, twenty twenty four."),
        (
            "Born 07/04/1976.",
            "Born July fourth, nineteen seventy six.",
        ),
        ("31/12/1999", "December thirty first, nineteen ninety nine"),
        ("15.01.2024", "January fifteenth, twenty twenty four"),
        (
            "released on 2024-01-15.",
            "released on January fifteenth, twenty twenty four.",
        ),
        (
            "at 2024-01-15T10:30:00Z",
            "at January fifteenth, twenty twenty four at ten thirty",
        ),
        (
            "Jan. 5, Feb 14, 4 July 1776, July 4th, Sept. 11",
            "January fifth, February fourteenth, the fourth of July, seventeen seventy six, July fourth, September eleventh",
        ),
        ("the 4th of July", "the fourth of July"),
        ("March 5-7", "March fifth to seventh"),
        ("In March 2024 we", "In March twenty twenty four we"),
        (
            "In 1999, 2005 and 2010 we",
            "In nineteen ninety nine, two thousand five and twenty ten we",
        ),
        (
            "1939\u{2013}1945",
            "nineteen thirty nine to nineteen forty five",
        ),
        ("1939-45", "nineteen thirty nine to forty five"),
        (
            "The 1990s and the '80s and the 20s.",
            "The nineteen nineties and the eighties and the twenties.",
        ),
        (
            "the 1800s, the 2000s",
            "the eighteen hundreds, the two thousands",
        ),
        (
            "I may go. We march on. Augustus sat.",
            "I may go. We march on. Augustus sat.",
        ),
    ]);
}

#[test]
fn times() {
    check(&[
        (
            "The meeting is at 10:30 a.m. on Monday.",
            "The meeting is at ten thirty AM on Monday.",
        ),
        (
            "See you at 5pm, or at 17:45.",
            "See you at five PM, or at seventeen forty five.",
        ),
        (
            "We left at 5 p.m. The bus was late.",
            "We left at five PM. The bus was late.",
        ),
        (
            "5:00, 12:00 p.m., 00:05, 3:05:22",
            "five o'clock, twelve PM, zero oh five, three oh five and twenty two seconds",
        ),
        ("from 9 to 5", "from nine to five"),
        ("10-11 am", "ten to eleven AM"),
        ("9:30-10:15am", "nine thirty to ten fifteen AM"),
        ("at 10:05 AM.", "at ten oh five AM."),
        ("00:00 and 13:00", "midnight and thirteen hundred"),
        ("a ratio of 3:1", "a ratio of three to one"),
        ("It's 5 o'clock.", "It's five o'clock."),
        ("open 24/7", "open twenty four seven"),
    ]);
}

#[test]
fn codes() {
    check(&[
        (
            "Call 555-123-4567 or +1 (800) 555-0199.",
            "Call five five five, one two three, four five six seven or plus one, eight hundred, five five five, zero one nine nine.",
        ),
        (
            "(212) 555-0142",
            "two one two, five five five, zero one four two",
        ),
        (
            "+44 20 7946 0958",
            "plus four four, two zero, seven nine four six, zero nine five eight",
        ),
        ("call 911 now", "call nine one one now"),
        (
            "My IP is 192.168.1.1.",
            "My IP is one nine two dot one six eight dot one dot one.",
        ),
        (
            "Version 2.0.1 and v3.2",
            "Version two point zero point one and version three point two",
        ),
        (
            "ISBN 978-3-16-148410-0",
            "ISBN nine seven eight, three, one six, one four eight four one zero, zero",
        ),
        (
            "4111 1111 1111 1111",
            "four one one one, one one one one, one one one one, one one one one",
        ),
        (
            "Order #A1234-B, SKU 0042",
            "Order number A twelve thirty four B, SKU zero zero four two",
        ),
        (
            "221B, COVID-19, GPT-4o, H2O, CO2",
            "two twenty one B, COVID nineteen, G P T four O, H two O, C O two",
        ),
        (
            "the I-95, an F-16, MP3, 3D, a 4K video, Q1",
            "the I ninety five, an F sixteen, M P three, three D, a four K video, Q one",
        ),
        ("agent 007", "agent zero zero seven"),
        ("9/11", "nine eleven"),
    ]);
}

#[test]
fn measures() {
    check(&[
        (
            "Temperatures fell to -12°C (10.4 °F).",
            "Temperatures fell to minus twelve degrees Celsius (ten point four degrees Fahrenheit).",
        ),
        (
            "The file is 3.5GB and downloads at 100 Mbps.",
            "The file is three point five gigabytes and downloads at one hundred megabits per second.",
        ),
        (
            "5 kg of apples, 20 km/h, 3 ft, 10 lbs, 1 mi",
            "five kilograms of apples, twenty kilometers per hour, three feet, ten pounds, one mile",
        ),
        ("2 in the morning", "two in the morning"),
        ("12.5% of 50%", "twelve point five percent of fifty percent"),
        ("10-20%", "ten to twenty percent"),
        ("he is 6'2\" tall", "he is six foot two tall"),
        ("a 27\" screen", "a twenty seven inches screen"),
        ("he said \"I am 27\"", "he said \"I am twenty seven\""),
        ("a 5-km run", "a five kilometer run"),
        (
            "0-60 mph in 3.2 s.",
            "zero to sixty miles per hour in three point two seconds.",
        ),
        (
            "100 m², ±5 V",
            "one hundred square meters, plus or minus five volts",
        ),
        ("wait 20s", "wait twenty seconds"),
        (
            "5 min. later. It took 5 min. Then",
            "five minutes later. It took five minutes. Then",
        ),
        ("50 mg/L", "fifty milligrams per liter"),
        ("the 747s", "the seven forty sevens"),
    ]);
}

#[test]
fn numbers() {
    check(&[
        (
            "He finished 1st, she came 22nd.",
            "He finished first, she came twenty second.",
        ),
        ("1,000,000 people", "one million people"),
        (
            "3/4, 1/2 cup, 3 1/2 cups, ½ cup, 2½ cups",
            "three quarters, one half cup, three and a half cups, one half cup, two and a half cups",
        ),
        ("8/10", "eight out of ten"),
        ("Pages 10-20", "Pages ten to twenty"),
        ("The score was 3-2.", "The score was three to two."),
        (
            "#1 fan, No. 5, Nos. 5-7",
            "number one fan, number five, numbers five to seven",
        ),
        ("2 + 2 = 4", "two plus two equals four"),
        ("5 - 3 = 2", "five minus three equals two"),
        ("3 x 4 = 12", "three times four equals twelve"),
        ("1920x1080", "nineteen twenty by ten eighty"),
        ("10x faster", "ten times faster"),
        ("x^2 and 10^6", "x squared and ten to the power of six"),
        ("1.5e-3", "one point five times ten to the minus three"),
        (
            "5k users, 2.5M views, a 7B model",
            "five thousand users, two point five million views, a seven B model",
        ),
        ("0.5 and .5", "zero point five and point five"),
        ("it is -5 here", "it is minus five here"),
        (
            "12345678901234567890",
            "one two three four five six seven eight nine zero one two three four five six seven eight nine zero",
        ),
        (
            "Chapter IV, World War II, Henry VIII",
            "Chapter four, World War two, Henry the eighth",
        ),
        (
            "In Part I we, and so did George I think",
            "In Part I we, and so did George I think",
        ),
        (
            "1500 people, 3400 people",
            "fifteen hundred people, three thousand four hundred people",
        ),
        ("He has 6 wives.", "He has six wives."),
    ]);
}

#[test]
fn abbreviations() {
    check(&[
        (
            "Dr. Smith lives at 221B Baker St. in London.",
            "Doctor Smith lives at two twenty one B Baker Street in London.",
        ),
        ("St. John's on Main St.", "Saint John's on Main Street."),
        (
            "We saw Mt. St. Helens in St. Louis.",
            "We saw Mount Saint Helens in Saint Louis.",
        ),
        (
            "Mr. and Mrs. O'Brien vs. the U.S. government.",
            "Mister and Missus O'Brien versus the U S government.",
        ),
        (
            "He lives in the U.S. He likes it.",
            "He lives in the U S. He likes it.",
        ),
        (
            "e.g. this, i.e. that, etc. Then more.",
            "for example this, that is that, et cetera. Then more.",
        ),
        (
            "Prof. Jane A. Doe, Ph.D., of Acme Inc. (est. 1901)",
            "Professor Jane A Doe, P H D, of Acme Incorporated (established nineteen oh one)",
        ),
        (
            "J. R. R. Tolkien and J.K. Rowling",
            "J R R Tolkien and J K Rowling",
        ),
        (
            "This is plan B. Then we go. It is I. Bob left.",
            "This is plan B. Then we go. It is I. Bob left.",
        ),
        (
            "Fig. 3, Vol. 2, pp. 5-7",
            "Figure three, Volume two, pages five to seven",
        ),
        (
            "Dr. No. Dr. Who? Sunset Dr. is long.",
            "Doctor No. Doctor Who? Sunset Drive is long.",
        ),
        ("no. I said no.", "no. I said no."),
        (
            "Martin Luther King Jr. spoke.",
            "Martin Luther King Junior spoke.",
        ),
    ]);
}

#[test]
fn addresses() {
    check(&[
        (
            "Email john.doe@example.com or visit https://www.example.com/docs?id=5.",
            "Email john dot doe at example dot com or visit W W W dot example dot com slash docs question mark id equals five.",
        ),
        (
            "Go to example.org, please.",
            "Go to example dot org, please.",
        ),
        ("See [the docs](https://example.com/a_b).", "See the docs."),
        (
            "a_b-c@mail.example.co.uk",
            "A underscore B dash C at mail dot example dot C O dot U K",
        ),
        (
            "Open README.md or main.rs.",
            "Open README dot M D or main dot R S.",
        ),
    ]);
}

#[test]
fn signs() {
    check(&[
        ("AT&T, R&D & Q&A.", "AT and T, R and D and Q and A."),
        ("C++, C#, .NET", "C plus plus, C sharp, dot net"),
        ("**bold** and _it_ and `code`", "bold and it and code"),
        ("- one\n- two", "one\ntwo"),
        (
            "snake_case, foo/bar and/or",
            "snake case, foo slash bar and or",
        ),
        ("great 👍 #rust @ann", "great  hashtag rust at ann"),
        ("come @ 9", "come at nine"),
        ("100% & more", "one hundred percent and more"),
        (
            "\u{201c}Quoted\u{201d} \u{2014} dash\u{2026}",
            "\u{201c}Quoted\u{201d} \u{2014} dash\u{2026}",
        ),
    ]);
}
