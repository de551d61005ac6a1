/** Peers: who the two sides are, and how a connection between them is made and kept secret (`sluice/peers`). */
export {}
