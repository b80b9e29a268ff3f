//! What is written and which phonemes the network gets.

use crate::phonemes;

fn check(voice: &str, table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(written, expected)| {
            let got = phonemes(voice, written);
            (got != *expected)
                .then(|| format!("written  {written}\nexpected {expected}\ngot      {got}\n"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn american_conventions() {
    check(
        "af_heart",
        &[
            (
                "The price is $5.20.",
                "ðə pɹˈIs ɪz fˈIv dˈɑləɹz ænd twˈɛnti sˈɛnts.",
            ),
            (
                "Dr. Smith lives at 221B Baker St. in London.",
                "dˈɑktəɹ smˈɪθ lˈɪvz æt tˈu twˈɛnti wˈʌn bˈi bˈAkəɹ stɹˈit ɪn lˈʌndən.",
            ),
            (
                "The meeting is at 10:30 a.m. on March 3rd, 2024.",
                "ðə mˈiTɪŋ ɪz æt tˈɛn θˈɜɹTi ˌAˈɛm ˌɔn mˈɑɹʧ θˈɜɹd, twˈɛnti twˈɛnti fˈɔɹ.",
            ),
            (
                "Mr. and Mrs. O'Brien vs. the U.S. government.",
                "mˈɪstəɹ ænd mˈɪsəz ObɹˈIən vˈɜɹsəs ðə jˈu ˈɛs ɡˈʌvəɹnmənt.",
            ),
            (
                "Call 555-123-4567.",
                "kˈɔl fˈIv fˈIv fˈIv, wˈʌn tˈu θɹˈi, fˈɔɹ fˈIv sˈɪks sˈɛvən.",
            ),
            (
                "He grew by 12.5% in 1999.",
                "hˌi ɡɹˈu bI twˈɛlv pˈYnt fˈIv pəɹsˈɛnt ɪn nˌIntˈin nˈIndi nˈIn.",
            ),
            (
                "Temperatures fell to -12°C.",
                "tˈɛmpɹəʧəɹz fˈɛl tə mˈInəs twˈɛlv dəɡɹˈiz sˈɛlsiəs.",
            ),
            (
                "5 kg of apples, 20 km/h.",
                "fˈIv kˈɪləɡɹˌæmz ʌv ˈæpᵊlz, twˈɛnti kəlˈɑməTəɹz pɜɹ ˈWəɹ.",
            ),
            (
                "3 1/2 cups, 3/4 full.",
                "θɹˈi ænd ɐ hˈæf kˈʌps, θɹˈi kwˈɔɹTəɹz fˈʊl.",
            ),
            ("Henry VIII had 6 wives.", "hˈɛnɹi ði ˈAθ hæd sˈɪks wˈIvz."),
            (
                "AT&T, R&D and Q&A.",
                "ˌAtˈi ænd tˈi, ˈɑɹ ænd dˈi ænd kjˈu ænd ˈA.",
            ),
            (
                "NASA, the FBI and UNESCO.",
                "nˈæsə, ði ˌɛfbˌiˈI ænd junˈɛskO.",
            ),
            (
                "COVID-19, H2O and GPT-4o.",
                "kˈOvˌɪd nˌIntˈin, ˈAʧ tˈu ˈO ænd ʤˈi pˈi tˈi fˈɔɹ ˈO.",
            ),
            (
                "Email ann@example.com.",
                "ˈimˌAl ˈæn æt ɪɡzˈæmpəl dˈɑt kˈɑm.",
            ),
            (
                "Visit https://example.org/docs.",
                "vˈɪzət ɪɡzˈæmpəl dˈɑt ˈɔɹɡ slˈæʃ dˈɑks.",
            ),
            ("The 1990s were fun.", "ðə nˌIntˈin nˈIndiz wɜɹ fˈʌn."),
            ("She came 22nd.", "ʃˌi kˈAm twˈɛnti sˈɛkənd."),
            (
                "My IP is 192.168.1.1.",
                "mˌI ˌIpˈi ɪz wˈʌn nˈIn tˈu dˈɑt wˈʌn sˈɪks ˈAt dˈɑt wˈʌn dˈɑt wˈʌn.",
            ),
        ],
    );
}

#[test]
fn american_words() {
    check(
        "af_heart",
        &[
            (
                "Please read the report I read yesterday.",
                "plˈiz ɹˈid ðə ɹəpˈɔɹt ˌI ɹˈɛd jˈɛstəɹdˌA.",
            ),
            (
                "They record a record every week.",
                "ðˌA ɹəkˈɔɹd ɐ ɹˈɛkəɹd ˈɛvəɹi wˈik.",
            ),
            (
                "I live here; the show is live.",
                "ˌI lˈɪv hˈɪɹ; ðə ʃˈO ɪz lˈIv.",
            ),
            (
                "She wound the bandage around the wound.",
                "ʃˌi wˈWnd ðə bˈændɪʤ əɹˈWnd ðə wˈund.",
            ),
            (
                "Close the door, it is too close.",
                "klˈOz ðə dˈɔɹ, ɪt ɪz tˈu klˈOs.",
            ),
            (
                "Kubernetes and Nguyen met Siobhan.",
                "kˌubəɹnˈɛTiz ænd nˈujɛn mˈɛt ʃɪvˈɔn.",
            ),
            ("Tolkien's café is naïve.", "tɔlkˈinz kæfˈA ɪz nIˈiv."),
            (
                "We are caféing and naïveing.",
                "wˌi ɑɹ kæfˈAɪŋ ænd nIˈivɪŋ.",
            ),
            (
                "“Yes,” he said — ‘maybe’… (no)",
                "“jˈɛs,” hi sˈɛd — “mˈAbi”… (nˈO).",
            ),
            (
                "Wait! What?! Why: because; well.",
                "wˈAt! wˌʌt?! wˌI: bəkˈʌz; wˈɛl.",
            ),
            (
                "the apple, the pear, a uniform, an hour",
                "ði ˈæpᵊl, ðə pˈɛɹ, ɐ jˈunəfˌɔɹm, ɐn ˈWəɹ.",
            ),
            (
                "I'd've gone, but they're y'all's.",
                "Idəv ɡˈɔn, bˌʌt ðɛɹ jˈɔlz.",
            ),
            (
                "C++, C# and .NET",
                "sˈi plˈʌs plˈʌs, sˈi ʃˈɑɹp ænd dˈɑt nˈɛt.",
            ),
            ("great 👍 work", "ɡɹˈAt wˈɜɹk."),
            ("x^2 = 4", "ˈɛks skwˈɛɹd ˈikwᵊlz fˈɔɹ."),
            ("It's 5 o'clock @ noon.", "ˌɪts fˈIv əklˈɑk æt nˈun."),
            (
                "We use well-known state-of-the-art tools.",
                "wˌi jˈuz wˌɛlnˈOn stˈAtʌvðiˈɑɹt tˈulz.",
            ),
            (
                "PDFs, CEOs and DVDs.",
                "pˌidˌiˈɛfs, sˌiˌiˈOz ænd dˌivˌidˈiz.",
            ),
            (
                "The lead singer took the lead pipe.",
                "ðə lˈid sˈɪŋəɹ tˈʊk ðə lˈid pˈIp.",
            ),
            (
                "$3.5 million and €1",
                "θɹˈi pˈYnt fˈIv mˈɪljᵊn dˈɑləɹz ænd wˈʌn jˈʊɹO.",
            ),
            (
                "Ms. Lee, PhD, said e.g. this.",
                "mˈɪz lˈi, pˈi ˈAʧ dˈi, sˈɛd fɔɹ ɪɡzˈæmpəl ðˈɪs.",
            ),
        ],
    );
}

#[test]
fn british_words() {
    check(
        "bm_george",
        &[
            (
                "The schedule of the laboratory can't be altered.",
                "ðə ʃˈɛdjuːl ɒv ðə ləbˈɒɹətəɹi kˈɑːnt biː ˈɔːltəd.",
            ),
            (
                "Dr. Brown paid £2.50 for a tomato at 5pm.",
                "dˈɒktə bɹˈWn pˈAd tˈuː pˈWndz and fˈɪfti pˈɛns fɔː ɐ təmˈɑːtQ at fˈIv pˌiːˈɛm.",
            ),
            (
                "Nguyen parked the car near the garage.",
                "nˈuːjɛn pˈɑːkt ðə kˈɑː nˌɪə ðə ɡˈaɹɑːʤ.",
            ),
            ("Go home, Joe.", "ɡˌQ hˈQm, ʤˈQ."),
            ("Tolkien wrote there.", "tɔlkˈiːn ɹˈQt ðˈɛː."),
        ],
    );
}
