// One page's worth of rust_socketio: `client URL polling|websocket|upgrade`. What it hears goes to standard output, a JSON
// array a line; what it shall do comes from standard input (scripts/clients.ts). This client has no answer to a question
// of the server, and one argument beside binary data is more than it takes.

use rust_socketio::{client::Client, ClientBuilder, Event, Payload, TransportType};
use serde_json::{json, Value};
use std::{env, io, time::Duration};

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let transport = match arguments[2].as_str() {
        "polling" => TransportType::Polling,
        "websocket" => TransportType::Websocket,
        _ => TransportType::WebsocketUpgrade,
    };
    let client = ClientBuilder::new(arguments[1].as_str())
        .transport_type(transport)
        .reconnect_delay(100, 200)
        .on(Event::Connect, |_, _| say("connected", vec![]))
        .on(Event::Close, |_, _| say("disconnected", vec![]))
        .on("update", |payload, _| say("update", values(payload)))
        .connect()
        .expect("a connection");
    for line in io::stdin().lines() {
        let line = line.expect("an order");
        let order: Vec<&str> = line.split(' ').collect();
        if order[0] == "binary" {
            let length: usize = order[2].parse().expect("a length");
            let bytes: Vec<u8> = (0..length).map(|index| (index * 37 % 256) as u8).collect();
            client.emit("blob", bytes).expect("to be sent");
        }
        join(&client, order[1]);
    }
}

fn join(client: &Client, room: &str) {
    let answered = |payload, _| say("joined", values(payload));
    let patience = Duration::from_secs(5);
    if let Err(error) = client.emit_with_ack("join", json!({ "room": room }), patience, answered) {
        say("failed", vec![json!(error.to_string())]);
    }
}

fn values(payload: Payload) -> Vec<Value> {
    match payload {
        Payload::Text(values) => values,
        Payload::Binary(bytes) => {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            vec![json!(format!("hex:{}", digits.concat()))]
        }
        #[allow(deprecated)]
        Payload::String(text) => vec![json!({ "text": text })],
    }
}

fn say(what: &str, said: Vec<Value>) {
    let mut line = vec![json!(what)];
    line.extend(said);
    println!("{}", Value::Array(line));
}
