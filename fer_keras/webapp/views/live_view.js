// Shows the camera, sends one small picture, waits for its answer, draws it, sends the next.
// Streamlit calls the function below after each answer, with the same elements.

const WIDTH = 640; // pixels that are sent across
const GIVE_UP = 8000; // ms without an answer, after which another picture is sent

export default function (component) {
  const { parentElement: root, data, setStateValue } = component;
  const view = (root.ferKerasView ??= makeView(root));
  view.send = (picture) => setStateValue("frame", picture);
  if (data && data.seq === view.seq && view.waiting) {
    view.waiting = false;
    draw(view, data);
    requestAnimationFrame(() => capture(view));
  }
  return () => stop(view);
}

function makeView(root) {
  const find = (name) => root.querySelector(name);
  const view = {
    video: find("video"), boxes: find(".boxes"), status: find(".status"), button: find("button"),
    rate: find(".rate"), people: find(".people"), stage: find(".stage"),
    canvas: document.createElement("canvas"), seq: 0, waiting: false, stream: null, times: [],
  };
  view.button.onclick = () => (view.stream ? stop(view) : start(view));
  return view;
}

async function start(view) {
  if (!navigator.mediaDevices) {
    view.status.textContent = "This browser gives the camera to HTTPS pages and to localhost only.";
    return;
  }
  view.status.textContent = "Waiting for the camera …";
  try {
    const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" };
    view.stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  } catch (error) {
    view.status.textContent = `No camera: ${error.message}`;
    return;
  }
  view.video.srcObject = view.stream;
  await view.video.play();
  view.stage.classList.add("on");
  view.button.textContent = "Stop";
  view.status.textContent = "";
  capture(view);
}

function stop(view) {
  clearTimeout(view.timer);
  for (const track of view.stream?.getTracks() ?? []) track.stop();
  view.stream = null;
  view.waiting = false;
  view.stage.classList.remove("on");
  view.boxes.replaceChildren();
  view.people.replaceChildren();
  view.button.textContent = "Start the camera";
  view.status.textContent = "The camera is off.";
  view.rate.textContent = "";
}

function capture(view) {
  if (!view.stream || view.waiting) return;
  const { videoWidth, videoHeight } = view.video;
  view.canvas.width = Math.min(WIDTH, videoWidth);
  view.canvas.height = Math.max(1, Math.round((view.canvas.width * videoHeight) / videoWidth));
  view.canvas.getContext("2d").drawImage(view.video, 0, 0, view.canvas.width, view.canvas.height);
  view.seq += 1;
  view.waiting = true;
  view.sent = performance.now();
  view.send({ seq: view.seq, image: view.canvas.toDataURL("image/jpeg", 0.85) });
  clearTimeout(view.timer);
  view.timer = setTimeout(() => { view.waiting = false; capture(view); }, GIVE_UP);
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function draw(view, answer) {
  view.status.textContent = answer.error || (answer.faces.length ? "" : "No face found.");
  view.boxes.replaceChildren(...answer.faces.map(box));
  view.people.replaceChildren(...answer.faces.slice(0, 4).map(person));
  view.times = [...view.times.slice(-9), performance.now() - view.sent];
  const mean = view.times.reduce((sum, time) => sum + time, 0) / view.times.length;
  view.rate.textContent = `${(1000 / mean).toFixed(1)} pictures a second`;
  view.stage.dataset.roundTrip = view.times.at(-1).toFixed(1); // ms, from the camera's picture to its boxes
  view.stage.dataset.answers = String(Number(view.stage.dataset.answers ?? 0) + 1);
}

function box(face) {
  const [left, top, width, height] = face.box;
  const made = element("span", top < 0.1 ? "box low" : "box");
  // The view is mirrored, as people expect of themselves; labels are not.
  made.style.cssText = `left:${100 * (1 - left - width)}%;top:${100 * top}%;width:${100 * width}%;height:${100 * height}%`;
  made.style.setProperty("--c", face.color);
  made.style.setProperty("--on", face.ink);
  made.append(element("b", "", face.label));
  return made;
}

function person(face) {
  const made = element("section", "person");
  made.append(element("h4", "", `Face ${face.face}`));
  for (const [name, share, color] of face.bars) {
    const row = element("div", "row");
    const track = element("span", "track");
    const fill = element("i", "");
    fill.style.width = `${100 * share}%`;
    fill.style.background = color;
    track.append(fill);
    row.append(element("span", "", name), track, element("span", "", `${Math.round(100 * share)} %`));
    made.append(row);
  }
  return made;
}
