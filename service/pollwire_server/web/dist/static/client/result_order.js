function p(e,o){return e===void 0||o.hidden?!0:o.epoch!==e.epoch?o.epoch>e.epoch:o.seq>=e.seq}export{p as replaces};
