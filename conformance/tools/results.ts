/** What a row of the lane found. */
export interface RowResult {
  id: string;
  title: string;
  /** What was measured. */
  facts: string[];
  /** What is not as it should be; none if all is right. */
  faults: string[];
}
