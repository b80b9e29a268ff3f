//! A small web server on a free loopback port, in a thread of its own.

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// First byte asked for.
    pub(crate) from: Option<usize>,
}

/// How a request is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// As it should be, ranges included.
    Good,
    /// The whole file, whatever was asked.
    NoRanges,
    /// Hangs up when this many bytes of the file have been sent in all.
    CutAt(usize),
    /// Only a status.
    Status(u16),
    /// Not at all.
    HangUp,
}

/// Serves files until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    files: HashMap<String, Vec<u8>>,
    /// Answers to come; then [`Answer::Good`].
    answers: Mutex<VecDeque<Answer>>,
    requests: Mutex<Vec<Request>>,
    stop: AtomicBool,
}

impl Server {
    pub(crate) fn start(files: &[(&str, &[u8])], answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let files = files.iter();
        let shared = Arc::new(Shared {
            files: files
                .map(|(name, content)| (format!("/{name}"), content.to_vec()))
                .collect(),
            answers: Mutex::new(answers.iter().copied().collect()),
            requests: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || serving.serve(&listener));
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the thread up, so that it sees that it is to stop.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Shared {
    fn serve(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            // A client that hangs up is its own affair.
            let _ = stream.and_then(|stream| self.answer(stream));
        }
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let Some(request) = read_request(&stream)? else {
            return Ok(());
        };
        self.requests.lock().unwrap().push(request.clone());
        let answer = self.answers.lock().unwrap().pop_front();
        let Some(content) = self.files.get(&request.path) else {
            return write!(
                stream,
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        };
        let whole = content.len();
        match (answer.unwrap_or(Answer::Good), request.from) {
            (Answer::Status(status), _) => {
                write!(
                    stream,
                    "HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
            }
            (Answer::HangUp, _) => Ok(()),
            (Answer::NoRanges, _) | (Answer::Good, None) => send(&mut stream, content, 0, whole),
            (Answer::Good, Some(from)) => send(&mut stream, content, from, whole),
            (Answer::CutAt(until), from) => send(&mut stream, content, from.unwrap_or(0), until),
        }
    }
}

/// Promises everything from byte `from` on, and sends it up to byte `until`.
fn send(stream: &mut TcpStream, content: &[u8], from: usize, until: usize) -> std::io::Result<()> {
    let whole = content.len();
    if from == 0 {
        write!(stream, "HTTP/1.1 200 OK\r\n")?;
    } else {
        let last = whole - 1;
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{last}/{whole}\r\n"
        )?;
    }
    write!(
        stream,
        "Content-Length: {}\r\nConnection: close\r\n\r\n",
        whole - from
    )?;
    stream.write_all(&content[from..until.max(from)])?;
    stream.flush()
}

fn read_request(stream: &TcpStream) -> std::io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream).lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(None);
    };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut from = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    Ok(Some(Request { path, from }))
}
