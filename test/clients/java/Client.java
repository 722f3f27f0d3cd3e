// One page's worth of socket.io-client for Java: `Client URL polling|websocket|upgrade`. What it hears goes to standard
// output, a JSON array a line; what it shall do comes from standard input (scripts/clients.ts).

import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.json.JSONArray;
import org.json.JSONObject;

public final class Client {
  private static final PrintStream OUT = utf8();

  private Client() {}

  public static void main(String[] args) throws Exception {
    IO.Options options = new IO.Options();
    options.forceNew = true;
    options.reconnectionDelay = 100;
    options.reconnectionDelayMax = 200;
    if (!args[1].equals("upgrade")) options.transports = new String[] {args[1]};
    Socket socket = IO.socket(args[0], options);
    socket.on("connect", said -> say("connected"));
    socket.on("disconnect", said -> say("disconnected", said));
    socket.on("update", said -> say("update", said));
    socket.on("ask", said -> {
      say("ask");
      ((Ack) said[said.length - 1]).call("yes", new JSONObject(java.util.Map.of("text", "é😀")));
    });
    socket.connect();
    BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = orders.readLine(); line != null; line = orders.readLine()) {
      String[] order = line.split(" ");
      JSONObject argument = new JSONObject().put("room", order[1]);
      if (order[0].equals("binary")) argument.put("blob", bytes(Integer.parseInt(order[2])));
      socket.emit("join", new Object[] {argument}, said -> say("joined", said));
    }
    System.exit(0);
  }

  private static byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    for (int index = 0; index < length; index++) bytes[index] = (byte) (index * 37);
    return bytes;
  }

  private static synchronized void say(String what, Object... said) {
    JSONArray line = new JSONArray().put(what);
    for (Object each : said) line.put(each instanceof byte[] ? hex((byte[]) each) : each);
    OUT.println(line);
  }

  private static String hex(byte[] bytes) {
    StringBuilder text = new StringBuilder("hex:");
    for (byte each : bytes) text.append(String.format("%02x", each));
    return text.toString();
  }

  private static PrintStream utf8() {
    return new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, StandardCharsets.UTF_8);
  }
}
