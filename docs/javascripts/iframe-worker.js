// Search without a server: browsers start no Worker from file://, so that there a hidden frame does its work.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      this.heard = (event) => {
        if (event.source === inside) this.dispatchEvent(new MessageEvent("message", { data: event.data }));
      };
      window.addEventListener("message", this.heard);
      inside.document.open(); // takes listeners away, so that they come after it
      this.loaded = new Promise((resolve) => inside.addEventListener("load", resolve));
      inside.document.write(`<!doctype html><body><script>
        postMessage = (data) => parent.postMessage(data, "*");
        importScripts = async (...urls) => {
          for (const url of urls)
            await new Promise((resolve, reject) => {
              const script = Object.assign(document.createElement("script"), { src: url, onload: resolve, onerror: reject });
              document.body.append(script);
            });
        };
      <\/script><script src="${url}"><\/script></body>`);
      inside.document.close();
    }

    set onmessage(listener) {
      this.addEventListener("message", listener);
    }

    async postMessage(data) {
      await this.loaded;
      this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
    }

    terminate() {
      window.removeEventListener("message", this.heard);
      this.frame.remove();
    }
  };
}
