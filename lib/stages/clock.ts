export { type Clock, systemClock } from '../files/disk/clock.js'
