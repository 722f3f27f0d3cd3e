// The two lists of the demo page: what came natively and what came by Socket.IO, newest first. Natively a publication to two
// rooms of ours comes for each of them, with one position: it is known by that, and is one line.

const shownLines = 50;
const shownCharacters = 500;

const byId = (id) => document.getElementById(id);

function cell(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
  return element;
}

const timeCell = () => cell("time", new Date().toTimeString().slice(0, 8));

function describe(value) {
  if (value instanceof ArrayBuffer || value instanceof Uint8Array) return `<${value.byteLength} bytes>`;
  return JSON.stringify(value) ?? "";
}

function show(list, ...cells) {
  const line = document.createElement("li");
  line.append(...cells);
  list.prepend(line);
  while (list.childElementCount > shownLines) list.lastElementChild.remove();
  return line;
}

/** What became of the connection. */
export function showWord(listId, text) {
  show(byId(listId), timeCell(), cell("em", text)).className = "word";
}

/** An event that Socket.IO brought: it does not say in which room it was published. */
export function showEvent(event, args) {
  show(byId("socketio"), timeCell(), cell("b", event), cell("span", args.map(describe).join(" ")));
}

/** The lines of publications that are still shown, by position: the rooms, and the cell that names them. */
const known = new Map();

/** @param isMissed it was published while this page was away. */
export function showPublication({ room, event, data, at }, isMissed) {
  const same = at === undefined ? undefined : known.get(at);
  if (same && !same.rooms.includes(room)) {
    same.rooms.push(room);
    same.cell.textContent = same.rooms.join(" + ");
    return;
  }
  const name = cell("i", room);
  const first = isMissed ? cell("small", "recovered") : timeCell();
  show(byId("native"), first, name, cell("b", event ?? "message"), cell("span", describe(data)));
  if (at === undefined) return;
  known.set(at, { rooms: [room], cell: name });
  if (known.size > shownLines) known.delete(known.keys().next().value);
}
