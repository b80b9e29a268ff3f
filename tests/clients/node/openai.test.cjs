"use strict";
// openai (Node): its main paths against the server at VOICEFLEET_URL.

const assert = require("node:assert/strict");
const { before, test } = require("node:test");
const { OpenAI, toFile } = require("openai");
const { throughFault } = require("./faults.cjs");

const URL = process.env.VOICEFLEET_URL;
const TEXT = "Which of your projects are you most proud of, and why?";
// Which model tells whether speech says its words; it now and then mishears one.
const LISTENER = "whisper-tiny.en";
const WORDS_ALIKE = 0.8;

const client = connect(URL);
let recording;

/** With the retries that it has by itself: on a busy machine an answer may take longer than the server lets wait. */
function connect(url) {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", timeout: 60_000 });
}

function speak(fields = {}, by = client) {
  return by.audio.speech.create({ model: "tts-1", voice: "alloy", input: TEXT, ...fields });
}

async function bytesOf(response) {
  return Buffer.from(await response.arrayBuffer());
}

async function listen(audio, name, fields = {}) {
  const file = await toFile(audio, name);
  return client.audio.transcriptions.create({ model: LISTENER, language: "en", file, ...fields });
}

function wordsOf(text) {
  return text.toLowerCase().replaceAll("'", "").match(/[a-z0-9]+/g) ?? [];
}

/** Whether what was heard is what was said, as good as the listener can: words in common, in order. */
function assertSameWords(heard, said) {
  const [a, b] = [wordsOf(heard), wordsOf(said)];
  const common = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0));
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length; j++) {
      common[i + 1][j + 1] = a[i] === b[j] ? common[i][j] + 1 : Math.max(common[i][j + 1], common[i + 1][j]);
    }
  }
  const alike = (2 * common[a.length][b.length]) / (a.length + b.length);
  assert.ok(alike >= WORDS_ALIKE, `heard ${JSON.stringify(heard)}, said ${JSON.stringify(said)}`);
}

/** 24 kHz s16le mono as a file. */
function asWav(samples) {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(24_000, 24);
  header.writeUInt32LE(48_000, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}

async function sumOf(metric) {
  const text = await (await fetch(`${URL}/metrics`)).text();
  const samples = text.split("\n").filter((line) => line.startsWith(`${metric}{`));
  return samples.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

const submitted = () => sumOf("voicefleet_jobs_submitted_total");

before(async () => {
  recording = await bytesOf(await speak({ response_format: "wav" }));
});

const TYPES = { mp3: "audio/mpeg", opus: "audio/ogg", flac: "audio/flac", wav: "audio/wav" };
for (const [format, type] of Object.entries(TYPES)) {
  test(`a file of ${format} says the words`, async () => {
    const response = await speak({ response_format: format });
    assert.equal(response.headers.get("content-type"), type);
    assertSameWords((await listen(await bytesOf(response), `speech.${format}`)).text, TEXT);
  });
}

test("pcm says the words", async () => {
  const samples = await bytesOf(await speak({ response_format: "pcm" }));
  assertSameWords((await listen(asWav(samples), "speech.wav")).text, TEXT);
});

test("aac is refused with what is offered", async () => {
  await assert.rejects(speak({ response_format: "aac" }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.param, error.code], ["response_format", "unknown_format"]);
    assert.ok(error.requestID);
    return true;
  });
});

test("an answer can be read as it comes", async () => {
  const chunks = [];
  for await (const chunk of (await speak({ response_format: "wav" })).body) {
    chunks.push(chunk);
  }
  assertSameWords((await listen(Buffer.concat(chunks), "speech.wav")).text, TEXT);
});

test("events carry the same speech", async () => {
  const response = await speak({ response_format: "pcm", stream_format: "sse" });
  assert.match(response.headers.get("content-type"), /^text\/event-stream/);
  const lines = (await response.text()).split("\n").filter((line) => line.startsWith("data: "));
  const events = lines.map((line) => JSON.parse(line.slice("data: ".length)));
  const done = events.pop();
  assert.equal(done.type, "speech.audio.done");
  assert.equal(typeof done.usage.total_tokens, "number");
  assert.ok(events.every((event) => event.type === "speech.audio.delta"));
  const samples = Buffer.concat(events.map((event) => Buffer.from(event.audio, "base64")));
  assertSameWords((await listen(asWav(samples), "speech.wav")).text, TEXT);
});

for (const [model, engine] of [["tts-1", "piper"], ["tts-1-hd", "kokoro"], ["gpt-4o-mini-tts", "kokoro"]]) {
  test(`${model} is spoken by ${engine}`, async () => {
    const response = await speak({ model, voice: "marin", instructions: "Speak calmly.", response_format: "wav" });
    const audio = await bytesOf(response);
    const job = await fetch(`${URL}/v1/jobs/${response.headers.get("x-voicefleet-job-id")}`);
    assert.equal((await job.json()).engine, engine);
    assertSameWords((await listen(audio, "speech.wav")).text, TEXT);
  });
}

test("json has the words and the length", async () => {
  const heard = await listen(recording, "speech.wav", { model: "whisper-1" });
  assertSameWords(heard.text, TEXT);
  assert.equal(heard.usage.type, "duration");
  assert.ok(heard.usage.seconds > 1);
});

test("text is the words alone", async () => {
  assertSameWords(await listen(recording, "speech.wav", { response_format: "text" }), TEXT);
});

test("verbose_json has words and segments in order", async () => {
  const fields = { response_format: "verbose_json", timestamp_granularities: ["word", "segment"] };
  const heard = await listen(recording, "speech.wav", fields);
  for (const stretches of [heard.words, heard.segments]) {
    const times = stretches.flatMap(({ start, end }) => [start, end]);
    assert.ok(times.length > 0);
    assert.deepEqual(times, times.toSorted((a, b) => a - b));
    assert.ok(times.at(-1) <= heard.duration + 0.01);
  }
  assert.deepEqual(wordsOf(heard.words.map(({ word }) => word).join(" ")), wordsOf(heard.text));
});

for (const [format, arrow] of [["srt", /00:00:0\d,\d{3} --> 00:00:0\d,\d{3}/], ["vtt", /^WEBVTT\n\n00:00:0\d\.\d{3} --> /]]) {
  test(`${format} is text with times`, async () => {
    const cues = await listen(recording, "speech.wav", { response_format: format });
    assert.match(cues, arrow);
    const spoken = cues.split("\n").filter((line) => /[a-z]/.test(line)).join(" ");
    assertSameWords(spoken, TEXT);
  });
}

test("a streamed transcript is the same", async () => {
  let done;
  for await (const event of await listen(recording, "speech.wav", { stream: true })) {
    done = event;
  }
  assert.equal(done.type, "transcript.text.done");
  assertSameWords(done.text, TEXT);
});

test("a translation of English has its words", async () => {
  const file = await toFile(recording, "speech.wav");
  assertSameWords((await client.audio.translations.create({ model: "whisper-1", file })).text, TEXT);
});

test("models are listed and can be retrieved", async () => {
  const models = [];
  for await (const model of client.models.list()) {
    models.push(model);
  }
  assert.ok(models.some(({ id }) => id === "kokoro-82m"));
  for (const model of models) {
    assert.deepEqual(await client.models.retrieve(model.id), model);
  }
});

test("what is not there is not found", async () => {
  await assert.rejects(client.models.retrieve("no-such-model"), OpenAI.NotFoundError);
  await assert.rejects(speak({ model: "no-such-model" }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.deepEqual([error.param, error.code], ["model", "unknown_model"]);
    return true;
  });
});

test("a bad field is named", async () => {
  await assert.rejects(speak({ speed: 5 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.param, error.code, error.type], ["speed", "speed_out_of_range", "invalid_request_error"]);
    return true;
  });
});

test("eight calls at a time get each its own answer", async () => {
  const texts = ["red", "green", "yellow", "black", "white", "brown", "orange", "purple"].map(
    (colour) => `The next door on the left is ${colour}.`,
  );
  const heard = await Promise.all(
    texts.map(async (input) => listen(await bytesOf(await speak({ input, response_format: "flac" })), "speech.flac")),
  );
  heard.forEach(({ text }, i) => assertSameWords(text, texts[i]));
  assert.equal(new Set(heard.map(({ text }) => text)).size, texts.length);
});

/** Of the jobs for the same as this one, how many were computed, and how many there are. */
async function timesComputed(id) {
  const get = async (path) => (await fetch(`${URL}${path}`)).json();
  const { fingerprint } = await get(`/v1/jobs/${id}?wait=30`);
  const same = (await get("/v1/jobs?limit=100")).data.filter((job) => job.fingerprint === fingerprint);
  return [same.filter((job) => job.timings.compute_ms > 0).length, same.length];
}

// It hands audio over unread, so an answer that is torn is for the caller to ask for again.
for (const fault of ["busy", "cut"]) {
  test(`speech that is asked for again because of a fault (${fault}) is computed once`, async () => {
    const asked = await submitted();
    const taken = async () => (await submitted()) > asked;
    await throughFault(URL, fault, taken, async (proxy) => {
      const input = `The Node client asks again after a fault called ${fault}.`;
      const response = await speak({ input, response_format: "wav" }, connect(proxy.url));
      const audio = await bytesOf(response);
      assert.ok(audio.length > 44 && audio.length === Number(response.headers.get("content-length")));
      assert.ok(["hit", "follow"].includes(response.headers.get("x-voicefleet-cache")));
      assert.equal(proxy.requests(), 2);
      assert.deepEqual(await timesComputed(response.headers.get("x-voicefleet-job-id")), [1, 2]);
    });
  });
}
