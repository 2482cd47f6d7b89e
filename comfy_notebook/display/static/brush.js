// A picture to paint a mask on. Traits: image (PNG bytes), width, height (of the mask), size, mask (a data URI of a PNG).
function url(view) {
  return URL.createObjectURL(new Blob([view.buffer ? view : new Uint8Array(view)], { type: "image/png" }));
}

function control(tag, label, attributes) {
  const element = document.createElement(tag);
  Object.assign(element, attributes);
  element.setAttribute("aria-label", label);
  element.title = label;
  return element;
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "cnb-brush";
  const stage = document.createElement("div");
  stage.className = "cnb-brush-stage";
  const picture = control("img", "picture to paint on", { src: url(model.get("image")), draggable: false });
  const canvas = control("canvas", "mask: paint with the mouse, a pen or a finger", {});
  canvas.width = model.get("width");
  canvas.height = model.get("height");
  const pen = canvas.getContext("2d");
  stage.append(picture, canvas);

  const size = control("input", "brush size", { type: "range", min: 2, max: 200, value: model.get("size") });
  const wide = document.createElement("label");
  wide.append("Brush ", size);
  const erase = control("input", "erase", { type: "checkbox" });
  const label = document.createElement("label");
  label.append(erase, " Erase");
  const clear = control("button", "clear the mask", { textContent: "Clear", type: "button" });
  const tools = document.createElement("div");
  tools.className = "cnb-brush-tools";
  tools.append(wide, label, clear);
  root.append(stage, tools);
  el.append(root);

  let last = null;
  function at(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
  }
  function stroke(event) {
    const point = at(event);
    const from = last || point;
    pen.globalCompositeOperation = erase.checked ? "destination-out" : "source-over";
    // A colour that is seen on white, black and skin alike; what is sent is white.
    pen.strokeStyle = "#ff2bd6";
    pen.lineCap = pen.lineJoin = "round";
    pen.lineWidth = Number(size.value) * canvas.width / 512;
    pen.beginPath();
    pen.moveTo(from[0], from[1]);
    pen.lineTo(point[0] + 0.01, point[1]);
    pen.stroke();
    last = point;
  }
  function send() {
    // White on black, so that the bytes mean the same without the transparency.
    const flat = document.createElement("canvas");
    flat.width = canvas.width;
    flat.height = canvas.height;
    const ink = flat.getContext("2d");
    ink.drawImage(canvas, 0, 0);
    ink.fillStyle = "#fff";
    ink.globalCompositeOperation = "source-in";
    ink.fillRect(0, 0, flat.width, flat.height);
    ink.fillStyle = "#000";
    ink.globalCompositeOperation = "destination-over";
    ink.fillRect(0, 0, flat.width, flat.height);
    model.set("mask", flat.toDataURL("image/png"));
    model.save_changes();
  }
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    stroke(event);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) stroke(event); });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => { last = null; send(); });
  }
  clear.addEventListener("click", () => { pen.clearRect(0, 0, canvas.width, canvas.height); send(); });
  return () => URL.revokeObjectURL(picture.src);
}

export default { render };
