// The browser's side: follows a parcel and shows its scans as they come.

export interface Scan {
  sequence: number;
  depot: string;
}

const RECONNECT_MS = 1500;

export class TrackerClient {
  private last = 0;

  constructor(private readonly url: string) {}

  // Reconnects after the last scan that was shown, so none comes twice.
  follow(parcelId: string, onScan: (scan: Scan) => void): EventSource {
    const source = new EventSource(`${this.url}/parcels/${parcelId}/scans?after=${this.last}`);
    source.onmessage = (event) => {
      const scan = JSON.parse(event.data) as Scan;
      this.last = scan.sequence;
      onScan(scan);
    };
    source.onerror = () => setTimeout(() => this.follow(parcelId, onScan), RECONNECT_MS);
    return source;
  }
}

export function formatDepot(scan: Scan): string {
  return scan.depot.toUpperCase();
}
