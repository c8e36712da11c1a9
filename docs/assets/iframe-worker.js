// The search of the pages runs in a worker, which browsers refuse to start from a file of the disk. Here it runs in a
// hidden frame instead, with the part of a worker's interface that the search uses. Pages of a server have real workers.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.appendChild(this.frame);
      const inside = this.frame.contentWindow;
      this.ready = new Promise((done) => {
        inside.document.open();
        inside.document.write("<html><body></body></html>");
        inside.document.close();
        inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
        inside.importScripts = (...files) =>
          files.reduce((before, file) => before.then(() => load(inside, file)), Promise.resolve());
        load(inside, url).then(done);
      });
    }

    postMessage(data) {
      this.ready.then(() => {
        const inside = this.frame.contentWindow;
        inside.dispatchEvent(new inside.MessageEvent("message", { data }));
      });
    }

    terminate() {
      this.frame.remove();
    }
  };

  function load(inside, file) {
    return new Promise((done, failed) => {
      const script = inside.document.createElement("script");
      script.src = new URL(file, location.href).href;
      script.onload = done;
      script.onerror = failed;
      inside.document.body.appendChild(script);
    });
  }
}
