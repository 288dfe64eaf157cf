function c(e,r){return e===void 0||r.hidden?!0:r.epoch!==e.epoch?r.epoch>e.epoch:r.seq>=e.seq}export{c as replaces};
